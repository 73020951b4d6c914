using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <content>Sessions between sockets that others have connected.</content>
internal sealed partial class RelayEngine
{
    public async Task<SessionRecord> RelayAsync(TcpRoute route, ConnectedSockets sockets, ClientFacts client, CancellationToken abort)
    {
        Interlocked.Increment(ref _sessions);
        var loop = sockets.Loop;
        var ended = new TaskCompletionSource<SessionRecord>(TaskCreationOptions.RunContinuationsAsynchronously);
        RelaySession? session = null;
        loop.Post(
            _ =>
            {
                session = Open(route, loop, sockets.Client, sockets.ToUpstream, client);
                session.Begin(sockets, ended);
                if (_isCut)
                {
                    // Handed over while the loop was resetting its sessions, or after that.
                    session.Cut(RelayOutcome.Drain);
                }
            },
            null);

        // Posted after it, so the session is there.
        using var registration = abort.UnsafeRegister(_ => loop.Post(_ => session!.Cut(RelayOutcome.Aborted), null), null);
        return await ended.Task;
    }
}
