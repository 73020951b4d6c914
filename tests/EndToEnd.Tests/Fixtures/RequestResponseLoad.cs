using System.Diagnostics;
using System.Net.Sockets;
using Testing;

namespace EndToEnd.Tests.Fixtures;

/// <summary>
/// Connections through the gateway that exchange requests and answers without a pause, each with two threads of its own, so that nothing in this
/// process waits for a thread pool. Keeps the time of each exchange.
/// </summary>
internal sealed class RequestResponseLoad : IDisposable
{
    private const int RequestSize = 128;

    private readonly List<Socket> _sockets = [];
    private readonly List<Thread> _threads = [];
    private readonly List<(long Ended, TimeSpan Took)> _exchanges = [];
    private readonly Lock _lock = new();
    private readonly int _answerSize;
    private volatile bool _isStopping;

    private RequestResponseLoad(int answerSize) => _answerSize = answerSize;

    /// <summary>Connects and begins; every connection has exchanged something when this returns.</summary>
    public static async Task<RequestResponseLoad> StartAsync(int port, TcpUpstream upstream, int connections, int answerSize)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        var load = new RequestResponseLoad(answerSize);
        for (var i = 0; i < connections; i++)
        {
            var client = await TcpUpstream.ConnectAsync(port, timeout.Token);
            var server = await upstream.AcceptAsync(timeout.Token);
            client.NoDelay = server.NoDelay = true;
            load._sockets.AddRange([client, server]);
            load.Begin(() => load.Answer(server));
            load.Begin(() => load.Ask(client));
        }

        await Deadline.UntilAsync(() => Task.FromResult(load.Since(0).Length > connections * 100), () => "the exchanges did not begin");
        return load;
    }

    /// <summary>The times of the exchanges that ended after a timestamp.</summary>
    public TimeSpan[] Since(long timestamp)
    {
        lock (_lock)
        {
            return [.. _exchanges.Where(exchange => exchange.Ended >= timestamp).Select(static exchange => exchange.Took)];
        }
    }

    public void Dispose()
    {
        _isStopping = true;
        _sockets.ForEach(static socket => socket.Dispose());
        _threads.ForEach(static thread => thread.Join());
    }

    private void Begin(Action work)
    {
        var thread = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (Exception exception) when (_isStopping && exception is SocketException or ObjectDisposedException)
            {
                // The end of the test.
            }
        })
        {
            IsBackground = true,
        };
        _threads.Add(thread);
        thread.Start();
    }

    private void Ask(Socket socket)
    {
        var request = new byte[RequestSize];
        var answer = new byte[_answerSize];
        while (!_isStopping)
        {
            var started = Stopwatch.GetTimestamp();
            socket.Send(request);
            if (!TryReceive(socket, answer))
            {
                return;
            }

            var ended = Stopwatch.GetTimestamp();
            lock (_lock)
            {
                _exchanges.Add((ended, Stopwatch.GetElapsedTime(started, ended)));
            }
        }
    }

    private void Answer(Socket socket)
    {
        var request = new byte[RequestSize];
        var answer = new byte[_answerSize];
        while (TryReceive(socket, request))
        {
            socket.Send(answer);
        }
    }

    private static bool TryReceive(Socket socket, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var count = socket.Receive(bytes);
            if (count == 0)
            {
                return false;
            }

            bytes = bytes[count..];
        }

        return true;
    }
}
