using System.Net.Sockets;

namespace Yarp.Splice.Relay;

/// <content>A session that begins with both sockets connected, and whose end somebody waits for.</content>
internal sealed partial class RelaySession
{
    private TaskCompletionSource<SessionRecord>? _ended;
    private string? _connectedTo;

    /// <summary>Instead of <see cref="Begin(bool)"/>. On the event loop, once.</summary>
    public void Begin(ConnectedSockets sockets, TaskCompletionSource<SessionRecord> ended)
    {
        _ended = ended;
        _connectedTo = sockets.DestinationId;
        if (sockets.DestinationEndPoint is { } endPoint)
        {
            _addresses = [endPoint];
            _nextAddress = 1;
        }

        _upstream = new RelayEndpoint(this, sockets.Upstream);
        CountConnected(_connectedTo);
        try
        {
            _client.Register(_loop);
            _upstream.Register(_loop);
        }
        catch (SocketException)
        {
            // Out of memory or of epoll watches (epoll_ctl(2)).
            End(RelayOutcome.ClientReset, resetClient: true, resetUpstream: true);
            return;
        }

        BeginRelaying(_upstream, toClient: sockets.ToClient);
    }
}
