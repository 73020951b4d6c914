namespace Yarp.Splice;

/// <summary>Who ended a session.</summary>
public enum SessionParty
{
    /// <summary>The client finished sending first, or reset its connection.</summary>
    Client,

    /// <summary>The destination finished sending first, or reset its connection.</summary>
    Upstream,

    /// <summary>The gateway: a limit, a timeout, no destination, or somebody who told it to.</summary>
    Gateway,
}
