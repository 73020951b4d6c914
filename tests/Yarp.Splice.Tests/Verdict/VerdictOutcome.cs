namespace Yarp.Splice.Tests.Verdict;

/// <summary>What the verdict has done with a segment.</summary>
/// <param name="IsKept">Whether the kernel keeps the segment (SK_PASS) or drops it (SK_DROP).</param>
/// <param name="IsRedirected">Whether it goes to the peer.</param>
/// <param name="Slot">The direction's counters afterwards.</param>
/// <param name="Trimmed">Bytes taken off its front.</param>
/// <param name="Notices">How often the ring buffer took the slot's index.</param>
/// <param name="Overruns">How often it was counted that the ring buffer was full.</param>
internal sealed record VerdictOutcome(bool IsKept, bool IsRedirected, VerdictSlot Slot, int Trimmed = 0, int Notices = 0, int Overruns = 0);
