namespace Yarp.Splice;

/// <summary>
/// A feature of an HTTP request whose connection was relayed after an upgrade, or as a <c>CONNECT</c> tunnel. It is there when the request is over;
/// without it, nothing was relayed.
/// </summary>
public interface IRelayedSessionFeature
{
    /// <summary>The session, which has ended.</summary>
    SessionRecord Session { get; }
}
