using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Limits;

/// <summary>Reads the limits of a TCP route from its metadata.</summary>
internal static class RouteLimitsReader
{
    private const int MaxQueued = 1_000_000;
    private const int MaxRate = 1_000_000;
    private const long MinBytesPerSecond = 1000;
    private const long MaxBytesPerSecond = 1_000_000_000_000;

    private static readonly TimeSpan s_maxQueueTimeout = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_maxLifetime = TimeSpan.FromDays(30);
    private static readonly string[] s_rateKeys = [nameof(RouteLimits.BytesPerSecondToUpstream), nameof(RouteLimits.BytesPerSecondToClient)];

    public static IReadOnlyList<string> Keys { get; } =
    [
        nameof(RouteLimits.MaxConnections), nameof(RouteLimits.QueueTimeout), nameof(RouteLimits.MaxQueue),
        nameof(RouteLimits.ConnectionRate), nameof(RouteLimits.ConnectionBurst), nameof(RouteLimits.MaxLifetime), .. s_rateKeys,
    ];

    /// <summary>What a key takes, in words; <see langword="null"/> if it is no limit.</summary>
    public static string? AcceptedValues(string key) => key switch
    {
        nameof(RouteLimits.MaxConnections) => "a number from 1 on",
        nameof(RouteLimits.QueueTimeout) => "a time span above 0 and up to 01:00:00, such as 00:00:05",
        nameof(RouteLimits.MaxQueue) => $"a number from 1 to {MaxQueued}",
        nameof(RouteLimits.ConnectionRate) or nameof(RouteLimits.ConnectionBurst) => $"a number from 1 to {MaxRate}",
        nameof(RouteLimits.MaxLifetime) => "a time span above 0 and up to 30.00:00:00, such as 01:00:00",
        nameof(RouteLimits.BytesPerSecondToUpstream) or nameof(RouteLimits.BytesPerSecondToClient) =>
            $"a number from {MinBytesPerSecond} to {MaxBytesPerSecond}",
        _ => null,
    };

    public static RouteLimits Read(RouteConfig route, List<string> mistakes)
    {
        var limits = new RouteLimits
        {
            MaxConnections = Number(nameof(RouteLimits.MaxConnections)),
            QueueTimeout = TcpRouteReader.ReadTime(route, nameof(RouteLimits.QueueTimeout), s_maxQueueTimeout, mistakes),
            MaxQueue = Number(nameof(RouteLimits.MaxQueue), max: MaxQueued) ?? RouteLimits.None.MaxQueue,
            ConnectionRate = Number(nameof(RouteLimits.ConnectionRate), max: MaxRate),
            ConnectionBurst = Number(nameof(RouteLimits.ConnectionBurst), max: MaxRate),
            MaxLifetime = TcpRouteReader.ReadTime(route, nameof(RouteLimits.MaxLifetime), s_maxLifetime, mistakes),
            BytesPerSecondToUpstream = Rate(nameof(RouteLimits.BytesPerSecondToUpstream)),
            BytesPerSecondToClient = Rate(nameof(RouteLimits.BytesPerSecondToClient)),
        };

        Need(nameof(RouteLimits.MaxQueue), nameof(RouteLimits.QueueTimeout), limits.QueueTimeout is not null);
        Need(nameof(RouteLimits.ConnectionBurst), nameof(RouteLimits.ConnectionRate), limits.ConnectionRate is not null);
        return limits;

        int? Number(string key, int max = int.MaxValue) => TcpRouteReader.ReadNumber(route, key, max, mistakes);

        long? Rate(string key) => TcpRouteReader.ReadLongNumber(route, key, MinBytesPerSecond, MaxBytesPerSecond, mistakes);

        void Need(string key, string other, bool isOtherSet)
        {
            if (!isOtherSet && SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is { } text)
            {
                mistakes.Add($"Route '{route.RouteId}': Splice:{key} is '{text}', but Splice:{other} is not set; accepted is both, or none.");
            }
        }
    }

    /// <summary>Finds rates on a route whose bytes the kernel moves past the gateway.</summary>
    public static void CheckRates(RouteConfig route, SpliceMode mode, bool isPauseImmune, List<string> mistakes)
    {
        if (mode != SpliceMode.Sockmap && !isPauseImmune)
        {
            return;
        }

        var cause = isPauseImmune ? $"Splice:{SpliceMetadata.PauseImmune} is set" : $"Mode is '{mode}'";
        foreach (var key in s_rateKeys)
        {
            if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is { } text)
            {
                mistakes.Add($"Route '{route.RouteId}': Splice:{key} is '{text}', but {cause}, with which the kernel moves bytes past the gateway; " +
                    $"accepted is Mode {SpliceMode.Copy}, {SpliceMode.Splice} or {SpliceMode.Auto} without Splice:{SpliceMetadata.PauseImmune}.");
            }
        }
    }
}
