namespace Yarp.Splice.Tests.Model;

/// <summary>What a peer has seen when nothing moves any more.</summary>
/// <param name="Received">Units that have arrived; zero after a reset of its own, which hides them.</param>
/// <param name="End">How the stream ended.</param>
internal readonly record struct PeerView(int Received, PeerEnd End);
