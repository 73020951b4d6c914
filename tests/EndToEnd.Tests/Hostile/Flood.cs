using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace EndToEnd.Tests.Hostile;

/// <summary>
/// Clients that do one thing over and over, on threads of their own, until they are told to stop. Those are as nice as can be (setpriority(2)): an attacker has
/// machines of his own, and must not be measured as what he takes of the gateway's processors here.
/// </summary>
internal sealed partial class Flood : IDisposable
{
    private const int PRIO_PROCESS = 0;
    private const int Nicest = 19;

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Thread> _threads = [];
    private long _done;

    /// <param name="threads">How many clients at a time.</param>
    /// <param name="act">What each does, again and again; a failed socket is only the end of that turn.</param>
    public Flood(int threads, Func<CancellationToken, long> act)
    {
        for (var i = 0; i < threads; i++)
        {
            _threads.Add(new Thread(() => Run(act)) { IsBackground = true });
        }

        _threads.ForEach(static thread => thread.Start());
    }

    /// <summary>What the turns have returned, added up: bytes, or connections.</summary>
    public long Done => Interlocked.Read(ref _done);

    /// <summary>Reads all that a port sends.</summary>
    public static Func<CancellationToken, long> Download(int port) => stop =>
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 1000 };
        socket.Connect(IPAddress.Loopback, port);
        var (buffer, total) = (new byte[256 * 1024], 0L);
        while (!stop.IsCancellationRequested)
        {
            total += socket.Receive(buffer);
        }

        return total;
    };

    /// <summary>Connects and goes, with FIN or with RST.</summary>
    public static Func<CancellationToken, long> Connect(int port, bool resets) => _ =>
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, port);
        socket.LingerState = new LingerOption(resets, 0);
        return 1;
    };

    /// <summary>Destinations that send as much as they can.</summary>
    public static Socket ListenForDownloads()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1024);
        new Thread(() => PingPong.Accept(listener, static socket =>
        {
            _ = setpriority(PRIO_PROCESS, 0, Nicest);
            var buffer = new byte[256 * 1024];
            while (true)
            {
                _ = socket.Send(buffer);
            }
        }))
        { IsBackground = true }.Start();
        return listener;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _threads.ForEach(static thread => thread.Join());
        _stop.Dispose();
    }

    // Zero is the calling thread.
    [LibraryImport("libc")]
    private static partial int setpriority(int which, int who, int niceness);

    private void Run(Func<CancellationToken, long> act)
    {
        _ = setpriority(PRIO_PROCESS, 0, Nicest);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Interlocked.Add(ref _done, act(_stop.Token));
            }
            catch (SocketException)
            {
                // Turned away, or this side is short of ports for a moment.
                Thread.Sleep(1);
            }
        }
    }
}
