using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Testing;

namespace EndToEnd.Tests.Hostile;

/// <summary>A conversation of small messages, one at a time, on threads of its own: how long each takes.</summary>
internal sealed class PingPong : IDisposable
{
    private const int MessageSize = 64;

    /// <summary>So many that a machine which stands still a few times does not count.</summary>
    private const int LeastMessages = 1000;

    private readonly Socket _client;

    public PingPong(int port)
    {
        _client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            ReceiveTimeout = (int)Deadline.Default.TotalMilliseconds,
        };
        _client.Connect(IPAddress.Loopback, port);
    }

    /// <summary>Talks for so long, on the calling thread.</summary>
    /// <returns>The 99th percentile.</returns>
    public TimeSpan Measure(TimeSpan duration)
    {
        var times = new List<TimeSpan>();
        var message = new byte[MessageSize];
        var startedAt = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(startedAt) is var elapsed && (elapsed < duration || (times.Count < LeastMessages && elapsed < Deadline.Default)))
        {
            var sentAt = Stopwatch.GetTimestamp();
            _client.Send(message);
            for (var received = 0; received < MessageSize;)
            {
                var count = _client.Receive(message, received, MessageSize - received, SocketFlags.None);
                received += count > 0 ? count : throw new IOException("the conversation was ended");
            }

            times.Add(Stopwatch.GetElapsedTime(sentAt));
        }

        times.Sort();
        return times[times.Count * 99 / 100];
    }

    public void Dispose() => _client.Dispose();

    /// <summary>The other side of conversations, a thread for each.</summary>
    public static Socket Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        new Thread(() => Accept(listener, static socket =>
        {
            var message = new byte[MessageSize];
            for (var count = 1; count > 0;)
            {
                count = socket.Receive(message);
                _ = socket.Send(message, count, SocketFlags.None);
            }
        }))
        { IsBackground = true }.Start();
        return listener;
    }

    /// <summary>Gives each connection a thread, until the listener is closed.</summary>
    public static void Accept(Socket listener, Action<Socket> serve)
    {
        try
        {
            while (true)
            {
                var socket = listener.Accept();
                socket.NoDelay = true;
                new Thread(() =>
                {
                    using (socket)
                    {
                        try
                        {
                            serve(socket);
                        }
                        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
                        {
                            // The other side has gone.
                        }
                    }
                })
                { IsBackground = true }.Start();
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The end of the test.
        }
    }
}
