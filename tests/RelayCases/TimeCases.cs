using System.Diagnostics;
using System.Net.Sockets;

namespace RelayCases;

/// <summary>Sessions without traffic, or with little.</summary>
internal static class TimeCases
{
    public static IReadOnlyList<RelayCase> List { get; } =
    [
        new(5, "half-closed and then silent: closed at the half-close timeout (1 s)", Routes.Timed, HalfClosedAsync),
        new(24, "silent: closed at the idle timeout (2 s)", Routes.Timed, IdleAsync),
        new(25, "traffic in one direction only, for 3 s", Routes.Timed, OneDirectionAsync),
    ];

    private static async Task<string> HalfClosedAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            var watch = Stopwatch.StartNew();
            client.Shutdown(SocketShutdown.Send);
            var (time, isReset) = await client.WaitForEndAsync(watch);
            CaseExpect.AtTimeout(time, route.Settings.HalfCloseTimeout, "closed");
            return $"{(isReset ? "RST" : "FIN")} after {time.TotalSeconds:0.0} s";
        }
    }

    private static async Task<string> IdleAsync(RelayRoute route)
    {
        var watch = Stopwatch.StartNew();
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            var ends = await Task.WhenAll(client.WaitForEndAsync(watch), server.WaitForEndAsync(watch));
            foreach (var (time, _) in ends)
            {
                CaseExpect.AtTimeout(time, route.Settings.IdleTimeout, "closed");
            }

            return $"{(ends[0].IsReset ? "RST" : "FIN")} after {ends[0].Time.TotalSeconds:0.0} s";
        }
    }

    private static async Task<string> OneDirectionAsync(RelayRoute route)
    {
        const int Attempts = 5;
        for (var attempt = 1; !await IsKeptAsync(route, isLast: attempt == Attempts); attempt++)
        {
        }

        return "kept";
    }

    /// <summary>False where the machine stood still, which is silence too.</summary>
    private static async Task<bool> IsKeptAsync(RelayRoute route, bool isLast)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            var lastTick = Stopwatch.StartNew();
            try
            {
                for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(3);)
                {
                    await Task.Delay(400);
                    await server.SendAllAsync("tick"u8.ToArray());
                    await CaseExpect.ReceivesAsync(client, "tick"u8.ToArray(), "a tick");
                    lastTick.Restart();
                }

                await SocketSteps.PingPongAsync(client, server, 1);
                return true;
            }
            catch (Exception) when (!isLast && lastTick.Elapsed > route.Settings.IdleTimeout / 2)
            {
                return false;
            }
        }
    }
}
