using Transport.Linux;
using Yarp.Splice.Limits;

namespace Yarp.Splice.Relay;

/// <summary>
/// The rate of one direction of a session. A direction that has used it up pauses, though its source is readable: no event tells when to go on, so
/// this timer does.
/// </summary>
internal sealed class RelayRate(RelaySession session, long bytesPerSecond) : EventLoopTimer
{
    private readonly ByteBucket _bucket = new(bytesPerSecond, session.Worker.Loop.NowMs);

    /// <summary>The most that the next transfer may move.</summary>
    public long Allowance { get; private set; }

    /// <summary>Whether a byte may be moved now; otherwise the session is tried again later.</summary>
    public bool TryBegin()
    {
        // What gathers during a pause is left to its end: a session woken by its other direction would move it in crumbs.
        if (IsArmed)
        {
            return false;
        }

        Allowance = _bucket.Fill(session.Worker.Loop.NowMs);
        if (Allowance > 0)
        {
            return true;
        }

        session.Worker.Loop.Arm(this, _bucket.Pause);
        return false;
    }

    public void Count(long bytes) => _bucket.Take(bytes);

    public void Cancel() => session.Worker.Loop.Cancel(this);

    protected override void OnTimer() => session.Wake();
}
