namespace Yarp.Splice.Relay.Sockmap;

/// <summary>
/// Tells a session that goes back and forth in small pieces from bulk, for <c>Splice:PauseImmune</c>. A turn is all that flows in one
/// direction before something flows in the other. docs/modes.md explains the numbers; keep them the same.
/// </summary>
internal sealed class Conversation
{
    /// <summary>Small turns in a row that make a session interactive: eight questions and answers.</summary>
    public const int SmallTurnsNeeded = 16;

    /// <summary>
    /// The most bytes of a small turn. An answer of 16 KiB and its header is one; what a download sends between two of its receiver's
    /// flow-control messages is not: with the default window of HTTP/2 they come after 32 KiB.
    /// </summary>
    public const long LargestSmallTurn = 24 * 1024;

    /// <summary>How long a session must have lived: it can be expected to live about as long again, and arming costs as much as some ten answers.</summary>
    public static readonly TimeSpan AgeNeeded = TimeSpan.FromSeconds(3);

    private bool _isToUpstream;
    private long _turnBytes;
    private int _smallTurns;

    /// <summary>Whether the last turns were small ones, in both directions.</summary>
    public bool IsInteractive => _smallTurns >= SmallTurnsNeeded;

    /// <summary>Counts a transfer.</summary>
    public void Count(bool isToUpstream, long bytes)
    {
        if (isToUpstream != _isToUpstream)
        {
            _isToUpstream = isToUpstream;
            _turnBytes = 0;
            _smallTurns++;
        }

        _turnBytes += bytes;
        if (_turnBytes > LargestSmallTurn)
        {
            _smallTurns = 0;
        }
    }
}
