using Microsoft.Extensions.Logging;

namespace Yarp.Splice;

/// <content>The health of destinations: ids from 150 to 159.</content>
internal static partial class SpliceLog
{
    [LoggerMessage(150, LogLevel.Warning, "Cluster {Cluster}: destination {Destination} is unhealthy and gets no new sessions.",
        EventName = "DestinationUnhealthy")]
    public static partial void DestinationUnhealthy(ILogger logger, string cluster, string destination);

    [LoggerMessage(151, LogLevel.Information, "Cluster {Cluster}: destination {Destination} gets new sessions again.", EventName = "DestinationHealthy")]
    public static partial void DestinationHealthy(ILogger logger, string cluster, string destination);

    [LoggerMessage(152, LogLevel.Warning, "Cluster {Cluster}: every destination is unhealthy; {Consequence} (AvailableDestinationsPolicy).",
        EventName = "AllUnhealthy")]
    public static partial void AllUnhealthy(ILogger logger, string cluster, string consequence);

    [LoggerMessage(153, LogLevel.Warning,
        "Cluster {Cluster}: {Count} sessions of destination {Destination} were reset because it is unhealthy (Splice.OnUnhealthy).",
        EventName = "UnhealthyCut")]
    public static partial void UnhealthyCut(ILogger logger, string cluster, string destination, int count);

    [LoggerMessage(154, LogLevel.Error, "Passive health policy {Policy} of cluster {Cluster} threw.", EventName = "PassivePolicyFailed")]
    public static partial void PassivePolicyFailed(ILogger logger, string policy, string cluster, Exception exception);
}
