using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace RelayCases;

/// <summary>Reaching a destination, or not.</summary>
internal static class ConnectCases
{
    private static readonly RouteSettings s_refused = new("refused") { Destinations = [DestinationKind.Refusing] };
    private static readonly RouteSettings s_failover = new("failover") { Destinations = [DestinationKind.Refusing, DestinationKind.Listening] };
    private static readonly RouteSettings s_blackHole = new("black-hole")
    {
        Destinations = [DestinationKind.NotAnswering],
        ConnectTimeout = TimeSpan.FromSeconds(1),
        ConnectAttempts = 1,
    };

    private static readonly RouteSettings s_limited = new("limited") { MaxConnections = 2 };
    private static readonly RouteSettings s_unix = new("unix") { Destinations = [DestinationKind.ListeningOnUnixSocket] };
    private static readonly RouteSettings s_ipv6 = new("ipv6") { Destinations = [DestinationKind.ListeningOnIPv6] };

    public static IReadOnlyList<RelayCase> List { get; } =
    [
        new(14, "200 kB before the server has accepted", Routes.Plain, SlowAcceptAsync),
        new(15, "200 kB while the connect is pending", Routes.Pending, PendingConnectAsync),
        new(27, "the destination refuses", s_refused, RefusedAsync),
        new(28, "the first destination refuses, the second serves", s_failover, FailoverAsync),
        new(29, "SYN is not answered: closed at the connect timeout", s_blackHole, BlackHoleAsync),
        new(31, "the client leaves while the connect is pending", Routes.Pending with { Name = "left" }, ClientLeavesAsync),
        new(33, "300 short connections, one after another", Routes.Plain, ShortConnectionsAsync),
        new(38, "more connections than the route may have", s_limited, LimitedAsync),
        new(55, "destination on a Unix-domain socket", s_unix, ExchangeAsync),
        new(55, "destination on IPv6", s_ipv6, ExchangeAsync),
    ];

    private static async Task<string> SlowAcceptAsync(RelayRoute route)
    {
        using var client = await route.ConnectAsync();
        var early = RandomNumberGenerator.GetBytes(200_000);
        var sending = client.SendAllAsync(early);
        await Task.Delay(500);
        using var server = await route.AcceptAsync();
        await CaseExpect.ReceivesAsync(server, early, "early data");
        await sending;
        return "intact";
    }

    private static async Task<string> PendingConnectAsync(RelayRoute route)
    {
        using var client = await route.ConnectAsync();
        var early = RandomNumberGenerator.GetBytes(200_000);
        var sending = client.SendAllAsync(early);
        await Task.Delay(300);
        route.Destinations[0].MakeRoom();
        using var server = await route.AcceptAsync();
        await CaseExpect.ReceivesAsync(server, early, "early data");
        await sending;
        return "intact";
    }

    private static async Task<string> RefusedAsync(RelayRoute route)
    {
        var watch = Stopwatch.StartNew();
        using var client = await route.ConnectAsync();
        var (time, isReset) = await client.WaitForEndAsync(watch);
        CaseExpect.AtTimeout(time, TimeSpan.Zero, "closed");
        return Describe(time, isReset);
    }

    private static async Task<string> FailoverAsync(RelayRoute route)
    {
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < 5; i++)
        {
            using var client = await route.ConnectAsync();
            using var server = await route.AcceptAsync(destination: 1);
            await SocketSteps.PingPongAsync(client, server, 1);
        }

        return $"5 of 5, {watch.Elapsed.TotalMilliseconds / 5:0} ms each";
    }

    private static async Task<string> BlackHoleAsync(RelayRoute route)
    {
        var watch = Stopwatch.StartNew();
        using var client = await route.ConnectAsync();
        var (time, isReset) = await client.WaitForEndAsync(watch);
        CaseExpect.AtTimeout(time, s_blackHole.ConnectTimeout, "closed");
        return Describe(time, isReset);
    }

    private static async Task<string> ClientLeavesAsync(RelayRoute route)
    {
        var client = await route.ConnectAsync();
        await Task.Delay(300);
        client.Reset();
        await Task.Delay(200);
        var destination = route.Destinations[0];
        destination.MakeRoom();
        // The SYN is sent again after a second (TCP_TIMEOUT_INIT), if somebody still wants the connection.
        await Task.Delay(1500);
        if (!destination.HasPending)
        {
            return "the attempt was given up";
        }

        using var server = await destination.AcceptAsync(TimeSpan.FromSeconds(1));
        _ = await server.ReceiveEndAsync();
        return "connected, and ended at once";
    }

    private static async Task<string> ShortConnectionsAsync(RelayRoute route)
    {
        const int Count = 300;
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < Count; i++)
        {
            using var client = await route.ConnectAsync();
            await client.SendAllAsync("x"u8.ToArray());
            using var server = await route.AcceptAsync();
            await CaseExpect.ReceivesAsync(server, "x"u8.ToArray(), "the request");
            await server.SendAllAsync("y"u8.ToArray());
            server.Shutdown(SocketShutdown.Send);
            await CaseExpect.ReceivesToEndAsync(client, "y"u8.ToArray(), "the answer");
        }

        return $"{Count / watch.Elapsed.TotalSeconds:0} a second";
    }

    private static async Task<string> LimitedAsync(RelayRoute route)
    {
        var (client1, server1) = await route.OpenAsync();
        var (client2, server2) = await route.OpenAsync();
        using (client1)
        using (client2)
        using (server1)
        using (server2)
        {
            using var third = await route.ConnectAsync();
            var ends = third.ReceiveEndAsync();
            var isEnded = await Task.WhenAny(ends, Task.Delay(700)) == ends;
            CaseExpect.True(!route.Destinations[0].HasPending, "the third connection reached the destination");
            if (!isEnded)
            {
                client1.Dispose();
                server1.Dispose();
                using var server3 = await route.AcceptAsync();
            }

            await SocketSteps.PingPongAsync(client2, server2, 1);
            return isEnded ? "refused at once" : "queued until one ended";
        }
    }

    private static async Task<string> ExchangeAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            client.Shutdown(SocketShutdown.Send);
            await CaseExpect.FinAsync(server, "the server");
            return "served";
        }
    }

    private static string Describe(TimeSpan time, bool isReset) => $"{(isReset ? "RST" : "FIN")} after {time.TotalSeconds:0.00} s";
}
