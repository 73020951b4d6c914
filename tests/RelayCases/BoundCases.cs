namespace RelayCases;

/// <summary>A reader that does not read.</summary>
internal static class BoundCases
{
    public static IReadOnlyList<RelayCase> List { get; } =
    [
        new(20, "a stalled reader stops its sender", Routes.Plain, StalledAsync),
        new(22, "a stalled reader resumes", Routes.Plain, ResumesAsync),
        new(23, "a stalled reader does not slow other sessions", Routes.Plain, OthersFlowAsync),
    ];

    private static async Task<string> StalledAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            var sent = await server.SendUntilStalledAsync();
            return $"after {sent.Length / 1e6:0.0} MB";
        }
    }

    private static async Task<string> ResumesAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            var sent = await server.SendUntilStalledAsync();
            await CaseExpect.ReceivesAsync(client, sent, "what waited");
            server.Blocking = true;
            await SocketSteps.PingPongAsync(client, server, 10);
            return $"{sent.Length / 1e6:0.0} MB intact";
        }
    }

    private static async Task<string> OthersFlowAsync(RelayRoute route)
    {
        var (stalledClient, stalledServer) = await route.OpenAsync();
        using (stalledClient)
        using (stalledServer)
        {
            _ = await stalledServer.SendUntilStalledAsync();
            var (client, server) = await route.OpenAsync();
            using (client)
            using (server)
            {
                var (median, worst) = await SocketSteps.PingPongAsync(client, server, 100);
                CaseExpect.True(median < 20, $"the median exchange beside it took {median:0.0} ms");
                return $"{median * 1000:0} µs, worst {worst:0.0} ms";
            }
        }
    }
}
