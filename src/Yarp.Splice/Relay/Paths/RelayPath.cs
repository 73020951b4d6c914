namespace Yarp.Splice.Relay.Paths;

/// <summary>
/// A way to move one direction's bytes. Stateless: what is on its way is held by the direction, so that a direction can go from one path to
/// another whenever nothing is held.
/// </summary>
internal abstract class RelayPath
{
    public abstract PathKind Kind { get; }

    /// <summary>Bytes that the kernel has moved without the direction.</summary>
    public virtual long Redirected => 0;

    /// <summary>Whether the source's readability is of interest now.</summary>
    public virtual bool NeedsReadable => true;

    /// <summary>Sends what the path holds back from an earlier turn; false if the sink did not take all of it.</summary>
    public abstract bool TryFlush(RelayDirection direction);

    /// <summary>
    /// Moves bytes from source to sink once. Called with a readable source and nothing held. Afterwards the source is not readable any more,
    /// or the sink not writable, or there is more to move.
    /// </summary>
    public abstract void Transfer(RelayDirection direction);

    /// <summary>Whether all that came from the source, which has ended, is in the sink's send queue; false if that is yet to come.</summary>
    public virtual bool TryFinish(RelayDirection direction) => true;
}
