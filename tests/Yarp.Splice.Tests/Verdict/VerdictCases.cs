using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Tests.Model;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>States and segments to try the verdict with.</summary>
internal static class VerdictCases
{
    // Beyond 2^32, beyond 2^31 over it, and so on.
    private const long LargestPosition = 1L << 40;

    private static readonly bool[] s_both = [true, false];

    /// <summary>All of them, in an order that shows a wrong program early.</summary>
    public static IEnumerable<VerdictCase> All(SockmapForm form, int seed, int randomCases) =>
        Counters(form).Concat(Segments(form)).Concat(Costs(form)).Concat(Surroundings(form)).Concat(Sequences(form)).Concat(Trims(form)).Concat(Random(form, seed, randomCases));

    /// <summary>Every combination of small counters: the domain of the model, and somewhat more.</summary>
    public static IEnumerable<VerdictCase> Counters(SockmapForm form) =>
        from length in Enumerable.Range(0, 3)
        from redirected in Enumerable.Range(0, 3)
        from passed in new[] { 0, 1, 2, 5 }
        from consumed in Enumerable.Range(0, Math.Min(passed, 2) + 1)
        from acknowledged in Enumerable.Range(-1, redirected + consumed + 2)
        from window in Enumerable.Range(0, 4)
        from mostHeld in Enumerable.Range(0, 2)
        from notifyAt in Enumerable.Range(0, form == SockmapForm.Credit ? 5 : 1)
        from hasAsked in form == SockmapForm.Credit ? s_both : [true]
        select new VerdictCase
        {
            Form = form,
            Length = length,
            Redirected = redirected,
            Passed = passed,
            Consumed = consumed,
            Acknowledged = acknowledged,
            Window = window,
            MostHeld = mostHeld,
            NotifyAt = notifyAt,
            Notified = hasAsked ? notifyAt : 0,
        };

    /// <summary>The count of segments, and where it begins anew.</summary>
    public static IEnumerable<VerdictCase> Segments(SockmapForm form) =>
        from segments in new[] { 0, 1, (VerdictRules.MostSegments / 2) - 2, (VerdictRules.MostSegments / 2) - 1, VerdictRules.MostSegments / 2, VerdictRules.MostSegments - 1, VerdictRules.MostSegments }
        from lag in Enumerable.Range(-2, 5)
        from isPassing in s_both
        from notifyAt in new[] { 90, 100, 101, 102 }
        select new VerdictCase
        {
            Form = form,
            Redirected = 80,
            Passed = isPassing ? 21 : 20,
            Consumed = 20,
            Acknowledged = 60,
            Epoch = 60 + lag,
            Segments = segments,
            Window = 41,
            NotifyAt = notifyAt,
            Notified = 90,
        };

    /// <summary>What recently passed segments have cost, around the point where it is halved.</summary>
    public static IEnumerable<VerdictCase> Costs(SockmapForm form) =>
        from length in new uint[] { 1, 2, 70_000 }
        from left in new uint[] { 0, 1, 511, 512, 513, 514, 70_511, 70_512, 70_513, VerdictRules.Recent }
        from bytes in new uint[] { 0, 1, 2, VerdictRules.Recent / 2 }
        from isPassing in s_both
        select new VerdictCase
        {
            Form = form,
            Length = (int)length,
            Passed = isPassing ? 21 : 20,
            Consumed = 20,
            RecentCost = VerdictRules.Recent - left,
            RecentBytes = bytes,
        };

    /// <summary>What may be missing around the verdict.</summary>
    public static IEnumerable<VerdictCase> Surroundings(SockmapForm form) =>
        from length in Enumerable.Range(0, 2)
        from failure in new[] { SockmapFailure.None, SockmapFailure.TrimFailed, SockmapFailure.Gap, SockmapFailure.Overfull }
        from hasSlot in s_both
        from hasDirection in s_both
        from hasPeer in s_both
        from hasTcp in s_both
        from hasPeerBase in s_both
        from isRedirectTaken in s_both
        from hasRoom in s_both
        from ring in Enum.GetValues<RingState>()
        from hasOverruns in s_both
        select new VerdictCase
        {
            Form = form,
            Length = length,
            Failure = failure,
            HasSlot = hasSlot,
            HasDirection = hasDirection,
            HasPeer = hasPeer,
            HasTcp = hasTcp,
            HasPeerBase = hasPeerBase,
            IsRedirectTaken = isRedirectTaken,
            Redirected = 3,
            Acknowledged = 1,
            Window = hasRoom ? 3 : 2,
            NotifyAt = 4,
            Ring = ring,
            HasOverruns = hasOverruns,
        };

    /// <summary>Sequence numbers around the one that is due, also where they wrap.</summary>
    public static IEnumerable<VerdictCase> Sequences(SockmapForm form) =>
        from next in new[] { 0u, 1u, 1000u, 0x7fffffffu, 0x80000000u, uint.MaxValue }
        from overlap in new[] { int.MinValue, -70_000, -1, 0, 1, 2, 3, 4, 70_000, int.MaxValue }
        from length in Enumerable.Range(0, 4)
        from isStarted in s_both
        from hasRoom in s_both
        from ring in Enum.GetValues<RingState>()
        from hasOverruns in s_both
        select new VerdictCase
        {
            Form = form,
            NextSequence = next,
            Sequence = next - (uint)overlap,
            Length = length,
            IsStarted = isStarted,
            Window = hasRoom ? 4 : 0,
            Overlaps = 6,
            Ring = ring,
            HasOverruns = hasOverruns,
        };

    /// <summary>Overlaps that take several steps to cut, and calls that fail meanwhile.</summary>
    public static IEnumerable<VerdictCase> Trims(SockmapForm form) =>
        from steps in Enumerable.Range(0, ExpectedVerdict.MostTrimSteps + 3)
        from beyond in new[] { -1, 0, 1 }
        let overlap = (steps * ExpectedVerdict.TrimStep) + beyond
        where overlap > 0
        from length in new[] { 2, 4080, 9000, 2_000_000 }
        from failingCall in Enumerable.Range(0, 2 * (ExpectedVerdict.MostTrimSteps + 2)).Append(int.MaxValue)
        select new VerdictCase
        {
            Form = form,
            Sequence = 1000 - (uint)overlap,
            Length = length,
            FailingTrimCall = failingCall,
            Window = 100_000,
        };

    /// <summary>Positions of long sessions, so that all that is kept modulo 2^32 has wrapped.</summary>
    public static IEnumerable<VerdictCase> Random(SockmapForm form, int seed, int count)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var redirected = random.NextInt64(LargestPosition);
            var consumed = random.NextInt64(LargestPosition);
            var window = random.Next(256 * 1024);
            var acknowledged = redirected + consumed - random.Next(2 * window);
            var length = random.Next(128 * 1024);
            var next = (uint)random.NextInt64(1L << 32);
            var notifyAt = redirected + consumed + random.Next(-window, window + length);
            yield return new VerdictCase
            {
                Form = form,
                Length = length,
                NextSequence = next,
                Sequence = next - (uint)(random.Next(8) == 0 ? random.Next(-length, 2 * length) : 0),
                Redirected = redirected,
                Consumed = consumed,
                Passed = consumed + (random.Next(3) == 0 ? random.Next(1 << 22) : 0),
                RecentCost = (uint)random.Next((int)VerdictRules.Recent + 1),
                RecentBytes = (uint)random.Next((int)VerdictRules.Recent + 1),
                Acknowledged = acknowledged,
                Epoch = acknowledged + random.Next(-window, window + 1),
                Segments = random.Next(VerdictRules.MostSegments + 1),
                Window = window,
                NotifyAt = notifyAt,
                Notified = random.Next(2) == 0 ? notifyAt : random.NextInt64(LargestPosition),
                PeerBase = (uint)random.NextInt64(1L << 32),
                HasPeerBase = random.Next(8) != 0,
                MostHeld = random.Next(1 << 21),
            };
        }
    }
}
