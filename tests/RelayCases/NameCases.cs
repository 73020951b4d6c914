using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace RelayCases;

/// <summary>Choosing the destination by the server name of a ClientHello.</summary>
internal static class NameCases
{
    private const int First = 0;
    private const int Wildcard = 1;
    private const int Default = 2;

    private static readonly RouteSettings s_names = new("names")
    {
        Destinations = [DestinationKind.Listening, DestinationKind.Listening, DestinationKind.Listening],
        ServerNames = ["a.example", "*.b.example", ""],
        PrereadTimeout = TimeSpan.FromSeconds(1),
    };

    public static IReadOnlyList<RelayCase> List { get; } =
    [
        Case(39, "ClientHello in one piece", static route => RoutedAsync(route, First, CapturedHello.Of("a.example"))),
        Case(39, "ClientHello in two segments", static route => RoutedAsync(route, First, Cut(CapturedHello.Of("a.example"), 100))),
        Case(39, "ClientHello whose first byte comes alone", static route => RoutedAsync(route, First, Cut(CapturedHello.Of("a.example"), 1))),
        Case(39, "ClientHello of 2 kB", static route => RoutedAsync(route, First, CapturedHello.Of("a.example", protocols: 100))),
        Case(39, "a name under a wildcard", static route => RoutedAsync(route, Wildcard, CapturedHello.Of("x.y.b.example"))),
        Case(40, "ClientHello in two TLS records, cut inside the name", static route => RoutedAsync(route, First, CutInsideName())),
        Case(41, "a name in upper case", static route => RoutedAsync(route, First, Replace(CapturedHello.Of("a.example"), "a.example", "A.EXAMPLE"))),
        Case(41, "a name with a trailing dot", static route => RoutedAsync(route, First, Replace(CapturedHello.Of("a.exampleq"), "a.exampleq", "a.example."))),
        Case(41, "no name: the default", static route => RoutedAsync(route, Default, CapturedHello.Of(""))),
        Case(42, "plain text: the default, or closed", static route => AnsweredAsync(route, "GET / HTTP/1.0\r\n\r\n"u8.ToArray())),
        Case(42, "garbage: the default, or closed", static route => AnsweredAsync(route, [22, 3, 1, 255, 255, 1, 255, 255, 255, 0, 0, 0])),
        Case(43, "a silent client: the default, or closed, at the preread timeout (1 s)", SilentAsync),
        Case(44, "a ClientHello that dribbles: one deadline for the whole", DribbledAsync),
    ];

    private static RelayCase Case(int number, string title, Func<RelayRoute, Task<string>> runAsync) => new(number, title, s_names, runAsync) { AlsoAfterPreread = false };

    private static async Task<string> RoutedAsync(RelayRoute route, int expected, params byte[][] pieces)
    {
        using var client = await route.ConnectAsync();
        foreach (var piece in pieces)
        {
            await client.SendAllAsync(piece);
            await Task.Delay(pieces.Length > 1 ? 50 : 0);
        }

        var reached = await FindAsync(route, SocketSteps.Patience);
        CaseExpect.True(reached is not null, "no destination was reached");
        var (destination, server) = reached!.Value;
        using (server)
        {
            CaseExpect.True(destination == expected, $"went to {Describe(destination)} instead of {Describe(expected)}");
            byte[] hello = [.. pieces.SelectMany(static piece => piece)];
            await CaseExpect.ReceivesAsync(server, hello, "the ClientHello");
            await SocketSteps.PingPongAsync(client, server, 3);
            return Describe(destination);
        }
    }

    private static async Task<string> AnsweredAsync(RelayRoute route, byte[] bytes)
    {
        var watch = Stopwatch.StartNew();
        using var client = await route.ConnectAsync();
        await client.SendAllAsync(bytes);
        return await DefaultOrClosedAsync(route, client, watch, TimeSpan.Zero);
    }

    private static async Task<string> SilentAsync(RelayRoute route)
    {
        var watch = Stopwatch.StartNew();
        using var client = await route.ConnectAsync();
        return await DefaultOrClosedAsync(route, client, watch, route.Settings.PrereadTimeout);
    }

    private static async Task<string> DribbledAsync(RelayRoute route)
    {
        var watch = Stopwatch.StartNew();
        using var client = await route.ConnectAsync();
        using var stop = new CancellationTokenSource();
        var dribbling = DribbleAsync(client, stop.Token);
        try
        {
            return await DefaultOrClosedAsync(route, client, watch, route.Settings.PrereadTimeout);
        }
        finally
        {
            await stop.CancelAsync();
            await dribbling;
        }
    }

    private static async Task DribbleAsync(Socket client, CancellationToken stop)
    {
        try
        {
            foreach (var one in CapturedHello.Of("a.example"))
            {
                await client.SendAllAsync(new[] { one });
                await Task.Delay(300, stop);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // Told to stop, or the relay has closed.
        }
    }

    private static async Task<string> DefaultOrClosedAsync(RelayRoute route, Socket client, Stopwatch watch, TimeSpan timeout)
    {
        var ended = client.ReceiveEndAsync();
        while (watch.Elapsed < timeout + SocketSteps.Patience)
        {
            if (await FindAsync(route, TimeSpan.FromMilliseconds(20)) is var (destination, server))
            {
                server.Dispose();
                CaseExpect.True(destination == Default, $"went to {Describe(destination)}");
                CaseExpect.AtTimeout(watch.Elapsed, timeout, "given to the default");
                return $"the default, after {watch.Elapsed.TotalSeconds:0.0} s";
            }

            if (ended.IsCompleted)
            {
                CaseExpect.AtTimeout(watch.Elapsed, timeout, "closed");
                return $"closed, after {watch.Elapsed.TotalSeconds:0.0} s";
            }
        }

        throw new CaseFailedException($"still open after {watch.Elapsed.TotalSeconds:0} s");
    }

    /// <summary>The first destination that gets a connection within the time.</summary>
    private static async Task<(int Destination, Socket Server)?> FindAsync(RelayRoute route, TimeSpan patience)
    {
        for (var watch = Stopwatch.StartNew(); ;)
        {
            for (var i = 0; i < route.Destinations.Count; i++)
            {
                if (route.Destinations[i].HasPending)
                {
                    return (i, await route.Destinations[i].AcceptAsync(patience));
                }
            }

            if (watch.Elapsed > patience)
            {
                return null;
            }

            await Task.Delay(5);
        }
    }

    private static byte[][] Cut(byte[] bytes, int position) => [bytes[..position], bytes[position..]];

    private static byte[] CutInsideName()
    {
        const int RecordHeader = 5;
        var hello = CapturedHello.Of("a.example");
        return CapturedHello.InTwoRecords(hello, hello.AsSpan().IndexOf("a.example"u8) - RecordHeader + 4);
    }

    private static byte[] Replace(byte[] hello, string name, string by)
    {
        var changed = hello.ToArray();
        Encoding.ASCII.GetBytes(by).CopyTo(changed, hello.AsSpan().IndexOf(Encoding.ASCII.GetBytes(name)));
        return changed;
    }

    private static string Describe(int destination) => destination switch
    {
        First => "the exact name's",
        Wildcard => "the wildcard's",
        _ => "the default",
    };
}
