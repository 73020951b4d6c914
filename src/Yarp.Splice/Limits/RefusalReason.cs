namespace Yarp.Splice.Limits;

/// <summary>Why a connection was turned away, as metrics name it, and as the outcome of its session if it had one.</summary>
internal static class RefusalReason
{
    public const string ConnectionRate = "connection_rate";
    public const string MaxConnections = "max_connections";
    public const string DestinationsFull = "destinations_full";
    public const string QueueFull = "queue_full";
    public const string QueueTimeout = "queue_timeout";
}
