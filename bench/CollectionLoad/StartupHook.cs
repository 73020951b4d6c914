using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Bench.CollectionLoad;

/// <summary>
/// Loaded into a program by DOTNET_STARTUP_HOOKS, and idle until its Unix socket, BENCH_COLLECTIONS, is connected to. While the connection
/// lasts it collects the whole heap, blocking, four times a second, with a million live objects in it. At the peer's FIN it answers what the
/// collector has done since: "COLLECTIONS PAUSED-MILLISECONDS SECONDS".
/// </summary>
internal static class StartupHook
{
    private const int LiveObjects = 1_000_000;
    private const int PeriodMs = 250;

    public static void Initialize()
    {
        var path = Environment.GetEnvironmentVariable("BENCH_COLLECTIONS")
            ?? throw new InvalidOperationException("BENCH_COLLECTIONS is not set; accepted is the path of a Unix socket to be made.");
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        new Thread(() => Serve(listener)) { IsBackground = true, Name = "collection load" }.Start();
    }

    private static void Serve(Socket listener)
    {
        var heap = Fill();
        while (true)
        {
            using var asking = listener.Accept();
            var (collections, paused, started) = (GC.CollectionCount(0), GC.GetTotalPauseDuration(), Environment.TickCount64);
            while (!asking.Poll(TimeSpan.FromMilliseconds(PeriodMs), SelectMode.SelectRead))
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
            }

            GC.KeepAlive(heap);
            asking.Send(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"{GC.CollectionCount(0) - collections} {(GC.GetTotalPauseDuration() - paused).TotalMilliseconds} {(Environment.TickCount64 - started) / 1000.0}")));
        }
    }

    private static Node[] Fill()
    {
        var random = new Random(1);
        var nodes = new Node[LiveObjects];
        for (var i = 0; i < nodes.Length; i++)
        {
            nodes[i] = new Node();
        }

        foreach (var node in nodes)
        {
            node.First = nodes[random.Next(nodes.Length)];
            node.Second = nodes[random.Next(nodes.Length)];
        }

        return nodes;
    }
}
