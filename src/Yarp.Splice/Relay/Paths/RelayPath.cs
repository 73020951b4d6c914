namespace Yarp.Splice.Relay.Paths;

/// <summary>
/// A way to move one direction's bytes. Stateless: what is on its way is held by the direction, so that a direction can go from one path to
/// another whenever nothing is held.
/// </summary>
internal abstract class RelayPath
{
    public abstract string Name { get; }

    /// <summary>Sends what the path holds back from an earlier turn; false if the sink did not take all of it.</summary>
    public abstract bool TryFlush(RelayDirection direction);

    /// <summary>
    /// Moves bytes from source to sink once. Called with a readable source and nothing held. Afterwards the source is not readable any more,
    /// or the sink not writable, or there is more to move.
    /// </summary>
    public abstract void Transfer(RelayDirection direction);
}
