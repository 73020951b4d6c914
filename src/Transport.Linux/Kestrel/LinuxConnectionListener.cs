using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Transport.Linux.Connections;

namespace Transport.Linux.Kestrel;

/// <summary>One endpoint of Kestrel: the loops accept, Kestrel's sequential accept loop takes the connections from one queue.</summary>
internal sealed class LinuxConnectionListener(LinuxConnectionFactory connections) : IConnectionListener, IAcceptHandler
{
    // Kestrel's accept loop only queues the connection to the thread pool, so it may as well run on the loop that wrote.
    private readonly Channel<LinuxConnection> _accepted = Channel.CreateUnbounded<LinuxConnection>(
        new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = true });

    private SocketListener? _listener;
    private IReadOnlyList<EventLoop> _loops = [];

    public EndPoint EndPoint => _listener?.EndPoint ?? throw new InvalidOperationException("The listener is not bound.");

    public void Bind(EventLoopGroup loops, EndPoint endPoint)
    {
        _listener = loops.Listen(endPoint, this);
        _loops = loops.Loops;
    }

    public void OnAccepted(in AcceptedSocket socket)
    {
        var connection = connections.Create(socket);
        connection.Start();

        // A round of events later, a request that came right behind its connection is received, and Kestrel serves it in one go instead of
        // waiting for it. A round is short: the loop does not sleep while something is posted.
        AfterOneRound(connection.Loop, () => Hand(connection));
    }

    private static void AfterOneRound(EventLoop loop, Action action)
    {
        // What is posted by one round runs in the next.
        loop.Post(_ => loop.Post(static state => ((Action)state!)(), action), null);
    }

    private void Hand(LinuxConnection connection)
    {
        if (!_accepted.Writer.TryWrite(connection))
        {
            // Disposed while the accept queue was being drained: nobody will ever serve it.
            connection.Abort(new ConnectionAbortedException("The listener was disposed."));
            _ = connection.DisposeAsync().AsTask();
        }
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _accepted.Reader.WaitToReadAsync(cancellationToken))
        {
            if (_accepted.Reader.TryRead(out var connection))
            {
                return connection;
            }
        }

        return null;
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        if (_listener is not null)
        {
            await _listener.StopAsync();
            await Task.WhenAll(_loops.Select(WaitForHandOvers));
        }

        _accepted.Writer.TryComplete();
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync();
        while (_accepted.Reader.TryRead(out var connection))
        {
            connection.Abort(new ConnectionAbortedException("The listener was disposed."));
            await connection.DisposeAsync();
        }
    }

    /// <summary>Posts run in order, so what goes the same way as the last hand-over comes after it.</summary>
    private static Task WaitForHandOvers(EventLoop loop)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        AfterOneRound(loop, done.SetResult);
        return done.Task;
    }
}
