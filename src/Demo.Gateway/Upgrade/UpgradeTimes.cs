namespace Demo.Gateway.Upgrade;

/// <summary>Times of an upgrade that nobody needs to set.</summary>
internal static class UpgradeTimes
{
    /// <summary>What an instance that lives answers within.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long all of Kestrel's connections must have been silent before those that are idle are closed. A client that has a request under way when its
    /// connection is closed sees an error; after its next answer it would have left by itself. Not less than a ClientHello may take by default.
    /// </summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    /// <summary>How long answers of an admin endpoint may take that goes to the next instance.</summary>
    public static readonly TimeSpan Probe = TimeSpan.FromSeconds(1);

    /// <summary>How often it is looked whether the connections are silent.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
}
