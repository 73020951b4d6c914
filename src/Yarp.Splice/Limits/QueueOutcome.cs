namespace Yarp.Splice.Limits;

/// <summary>How a client's wait for a place ended, as metrics name it.</summary>
internal static class QueueOutcome
{
    public const string Served = "served";
    public const string TimedOut = "timeout";
    public const string Left = "left";
}
