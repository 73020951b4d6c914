using Transport.Linux;
using Transport.Linux.Connections;

namespace Yarp.Splice.Relay;

/// <summary>
/// The directions of one event loop whose last call failed because the kernel had no memory. Their sockets may count as ready all the same, so no
/// event tells when to try again: this timer does, less and less often while the shortage lasts.
/// </summary>
internal sealed class MemoryRetries(EventLoop loop) : EventLoopTimer
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(MemoryShortage.FirstPauseMs);
    private static readonly TimeSpan s_lastPause = TimeSpan.FromMilliseconds(MemoryShortage.LastPauseMs);

    private List<RelayDirection> _waiting = [];
    private List<RelayDirection> _due = [];
    private TimeSpan _pause = s_firstPause;

    /// <summary>Lets the direction try again after a while.</summary>
    public void Await(RelayDirection direction)
    {
        if (_waiting.Count == 0)
        {
            loop.Arm(this, _pause);
        }

        _waiting.Add(direction);
    }

    protected override void OnTimer()
    {
        (_waiting, _due) = (_due, _waiting);
        _pause = _pause * 2 < s_lastPause ? _pause * 2 : s_lastPause;
        var isOver = true;
        foreach (var direction in _due)
        {
            isOver &= !direction.Retry();
        }

        _due.Clear();
        if (isOver)
        {
            _pause = s_firstPause;
        }
    }
}
