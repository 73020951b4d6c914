namespace Yarp.Splice.Upgrades;

/// <summary>Tells a request's middleware what was relayed.</summary>
internal sealed record RelayedSessionFeature(SessionRecord Session) : IRelayedSessionFeature;
