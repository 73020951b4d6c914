namespace RelayCases;

/// <summary>The routes that cases share.</summary>
internal static class Routes
{
    public static readonly RouteSettings Plain = new("plain");

    /// <summary>With timeouts that a case can wait for.</summary>
    public static readonly RouteSettings Timed = new("timed") { IdleTimeout = TimeSpan.FromSeconds(2), HalfCloseTimeout = TimeSpan.FromSeconds(1) };

    /// <summary>With a destination that takes its time to answer a SYN.</summary>
    public static readonly RouteSettings Pending = new("pending") { Destinations = [DestinationKind.NotAnswering] };
}
