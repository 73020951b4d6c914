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
        connection.Start(this);

        // Kestrel gets a connection with its first bytes, so that it serves the request in one go instead of waiting for it on a thread of the pool;
        // one whose client waits for the server's first word, a moment later.
        connection.Loop.RunSoon(static state => ((LinuxConnection)state!).HandOver(), connection);
    }

    /// <summary>Gives a connection to Kestrel. On the connection's loop.</summary>
    public void Hand(LinuxConnection connection)
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

    /// <summary>What is to run soon runs in order, so this comes after the last hand-over.</summary>
    private static Task WaitForHandOvers(EventLoop loop)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ => loop.RunSoon(_ => done.SetResult(), null), null);
        return done.Task;
    }
}
