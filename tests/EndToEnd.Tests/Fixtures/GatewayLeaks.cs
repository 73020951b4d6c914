using System.Globalization;
using EndToEnd.Tests.Observe;
using Testing;
using Testing.Leaks;

namespace EndToEnd.Tests.Fixtures;

/// <summary>What a gateway had open when it had started, and whether all that came since is gone when its clients are.</summary>
internal sealed class GatewayLeaks
{
    /// <summary>Each event loop keeps up to 128 idle pipes of two descriptors.</summary>
    public const int IdlePipeEnds = 2 * 128;

    /// <summary>What counts something that lives: nothing does when all clients are gone.</summary>
    private static readonly string[] s_living =
        ["splice_sessions_active", "splice_queue_length", "splice_sockmap_sessions", "gateway_destination_active", "transport_linux_pool_used_bytes"];

    private readonly Gateway _gateway;
    private readonly OpenDescriptors _before;

    private GatewayLeaks(Gateway gateway, OpenDescriptors before) => (_gateway, _before) = (gateway, before);

    public static async Task<GatewayLeaks> BeginAsync(Gateway gateway)
    {
        // Kestrel's and the HTTP client's connections are counted from the first look at the metrics on.
        _ = await ScrapeAsync(gateway);
        return new GatewayLeaks(gateway, OpenDescriptors.Of(gateway.Program.ProcessId));
    }

    /// <summary>
    /// Waits until no session, pooled buffer, map entry or descriptor is left but those that this type names.
    /// </summary>
    /// <exception cref="TimeoutException">Something is left; says what.</exception>
    public async Task AssertNoneAsync()
    {
        List<string> left = [];
        await Deadline.UntilAsync(
            async () =>
            {
                left.Clear();
                var metrics = await ScrapeAsync(_gateway);
                left.AddRange(s_living.Where(name => metrics?.Sum(name) > 0).Select(name => $"{name} is {metrics!.Sum(name)}"));
                if (metrics is not null && PooledBytesInUse(metrics) is > 0 and var inUse)
                {
                    left.Add(string.Create(CultureInfo.InvariantCulture, $"{inUse} bytes of Kestrel's pool are in use"));
                }

                left.AddRange(OpenDescriptors.Of(_gateway.Program.ProcessId).FindMoreThan(_before, Tolerance(metrics)));
                return left.Count == 0;
            },
            () => $"left by the gateway, which had {_before} at its start:\n{string.Join('\n', left)}\n{_gateway.Program.Everything}");
    }

    /// <summary>
    /// What is kept by design: idle pipes; what .NET opens when it is first needed, which is an event queue for each socket engine, at most one for
    /// each CPU; a watcher's queue; files that are served, and those below /proc and /sys at the moment of counting. Sockets: of HTTP clients that are
    /// still connected and to HTTP destinations, each as the gateway counts it, and two of whoever asks for metrics.
    /// </summary>
    private static Dictionary<string, int> Tolerance(PrometheusParser? metrics) => new()
    {
        ["pipe"] = IdlePipeEnds * Environment.ProcessorCount,
        ["eventpoll"] = Environment.ProcessorCount,
        ["inotify"] = 1,
        ["file"] = 4 + (int)(metrics?.Sum("transport_linux_open_files_count") ?? 0),
        ["socket"] = 2 + (int)((metrics?.Sum("kestrel_active_connections") ?? 0) + (metrics?.Sum("http_client_open_connections") ?? 0)),
        [OpenDescriptors.Assembly] = int.MaxValue / 2,
    };

    private static double PooledBytesInUse(PrometheusParser metrics) =>
        metrics.Sum("aspnetcore_memory_pool_allocated_bytes_total") - metrics.Sum("aspnetcore_memory_pool_evicted_bytes_total")
        - metrics.Sum("aspnetcore_memory_pool_pooled_bytes");

    /// <summary>The metrics, or <see langword="null"/> if the gateway has no admin endpoint.</summary>
    private static async Task<PrometheusParser?> ScrapeAsync(Gateway gateway)
    {
        if (!gateway.HasAdminEndpoint)
        {
            return null;
        }

        using var admin = await AdminClient.FindAsync(gateway);
        return await admin.ScrapeAsync();
    }
}
