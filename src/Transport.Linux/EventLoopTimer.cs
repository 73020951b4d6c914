namespace Transport.Linux;

/// <summary>
/// A deadline on an <see cref="EventLoop"/>. Derive the object that needs the deadline from this class: arming and cancelling are then
/// constant-time and allocate nothing.
/// </summary>
/// <remarks>
/// One timer holds one deadline; arming it again moves it. It fires at most once for each arming, never early, and up to 8 ms late on an
/// idle machine. All members must be used on the loop's thread.
/// </remarks>
public abstract class EventLoopTimer
{
    internal EventLoopTimer? Next { get; set; }

    internal EventLoopTimer? Previous { get; set; }

    internal long DeadlineTick { get; set; }

    /// <summary>The wheel's slot that holds this timer, or −1 if it is not armed.</summary>
    internal int Slot { get; set; } = -1;

    /// <summary>Whether a deadline is set that has not fired yet.</summary>
    protected internal bool IsArmed => Slot >= 0;

    /// <summary>Called on the event loop when the deadline has passed. The timer may be armed again from here.</summary>
    protected internal abstract void OnTimer();
}
