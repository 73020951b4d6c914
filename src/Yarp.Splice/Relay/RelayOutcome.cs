namespace Yarp.Splice.Relay;

/// <summary>How a session ended, as metrics and the log name it.</summary>
internal static class RelayOutcome
{
    public const string Finished = "finished";
    public const string IdleTimeout = "idle_timeout";
    public const string HalfCloseTimeout = "half_close_timeout";
    public const string MaxLifetime = "max_lifetime";
    public const string ClientReset = "client_reset";
    public const string UpstreamReset = "upstream_reset";
    public const string ConnectFailed = "connect_failed";
    public const string ClientLeft = "client_left";
    public const string Drain = "drain";
    public const string DestinationRemoved = "destination_removed";
    public const string Damaged = "damaged";
    public const string Cut = "cut";
    public const string DestinationUnhealthy = "destination_unhealthy";
    public const string Aborted = "aborted";

    /// <summary>Who is behind an ending.</summary>
    /// <param name="outcome">The ending.</param>
    /// <param name="firstToFinish">Who finished sending first, which only <see cref="Finished"/> does not tell.</param>
    public static SessionParty PartyOf(string outcome, SessionParty? firstToFinish) => outcome switch
    {
        Finished => firstToFinish ?? SessionParty.Gateway,
        ClientReset or ClientLeft => SessionParty.Client,
        UpstreamReset => SessionParty.Upstream,
        _ => SessionParty.Gateway,
    };
}
