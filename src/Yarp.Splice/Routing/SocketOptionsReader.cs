using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Routing;

/// <summary>Reads the socket options of a TCP route from its metadata.</summary>
internal static class SocketOptionsReader
{
    private const int MaxKeepAliveCount = 127;

    private static readonly TimeSpan s_maxUserTimeout = TimeSpan.FromDays(24);
    private static readonly TimeSpan s_maxKeepAlive = TimeSpan.FromSeconds(32_767);

    public static IReadOnlyList<string> Keys { get; } =
    [
        nameof(SessionSocketOptions.UserTimeout), nameof(SessionSocketOptions.KeepAliveTime),
        nameof(SessionSocketOptions.KeepAliveInterval), nameof(SessionSocketOptions.KeepAliveCount),
    ];

    /// <summary>What a key takes, in words; <see langword="null"/> if it is no socket option.</summary>
    public static string? AcceptedValues(string key) => key switch
    {
        nameof(SessionSocketOptions.UserTimeout) => $"a time span from 00:00:00.001 to {s_maxUserTimeout}",
        nameof(SessionSocketOptions.KeepAliveTime) or nameof(SessionSocketOptions.KeepAliveInterval) => $"whole seconds from 00:00:01 to {s_maxKeepAlive}",
        nameof(SessionSocketOptions.KeepAliveCount) => $"a number from 1 to {MaxKeepAliveCount}",
        _ => null,
    };

    /// <returns><see langword="null"/> if the route has none.</returns>
    public static SessionSocketOptions? Read(RouteConfig route, List<string> mistakes)
    {
        var options = new SessionSocketOptions
        {
            UserTimeout = Time(nameof(SessionSocketOptions.UserTimeout), TimeSpan.FromMilliseconds(1), s_maxUserTimeout),
            KeepAliveTime = Time(nameof(SessionSocketOptions.KeepAliveTime), TimeSpan.FromSeconds(1), s_maxKeepAlive),
            KeepAliveInterval = Time(nameof(SessionSocketOptions.KeepAliveInterval), TimeSpan.FromSeconds(1), s_maxKeepAlive),
            KeepAliveCount = TcpRouteReader.ReadNumber(route, nameof(SessionSocketOptions.KeepAliveCount), MaxKeepAliveCount, mistakes),
        };
        NeedsKeepAliveTime(nameof(SessionSocketOptions.KeepAliveInterval));
        NeedsKeepAliveTime(nameof(SessionSocketOptions.KeepAliveCount));
        return options == new SessionSocketOptions() ? null : options;

        TimeSpan? Time(string key, TimeSpan unit, TimeSpan max)
        {
            var value = TcpRouteReader.ReadTime(route, key, max, mistakes);
            if (value is { } time && time.Ticks % unit.Ticks != 0)
            {
                TcpRouteReader.AddUnusable(route, key, $"{time}", mistakes);
                return null;
            }

            return value;
        }

        void NeedsKeepAliveTime(string key)
        {
            if (options.KeepAliveTime is null && SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is { } text)
            {
                mistakes.Add($"Route '{route.RouteId}': Splice:{key} is '{text}', but Splice:KeepAliveTime, which turns the probes on, is not set; " +
                    "accepted is both, or none.");
            }
        }
    }
}
