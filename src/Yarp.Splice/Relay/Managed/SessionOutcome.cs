namespace Yarp.Splice.Relay.Managed;

/// <summary>How a session ended, as its metrics and its log line say it.</summary>
internal static class SessionOutcome
{
    public const string Completed = "completed";
    public const string ConnectFailed = "connect_failed";
    public const string ClientReset = "client_reset";
    public const string UpstreamReset = "upstream_reset";
    public const string IdleTimeout = "idle_timeout";
    public const string HalfCloseTimeout = "half_close_timeout";
    public const string Cut = "cut";
}
