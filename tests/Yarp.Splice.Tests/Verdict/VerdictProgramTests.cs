using System.Runtime.InteropServices;
using Xunit.Abstractions;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Tests.Model;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>
/// The embedded program, executed instruction by instruction, does what the rules say of which the model check is made. Not in the kernel, because
/// BPF_PROG_TEST_RUN answers ENOTSUPP for stream verdicts (sk_skb_prog_ops has no test_run).
/// </summary>
public class VerdictProgramTests(ITestOutputHelper output)
{
    private const int Seed = 20261121;
    private const int RandomCases = 200_000;

    /// <summary>Each is run once for each instruction.</summary>
    private const int CasesPerInterleaved = 10;

    public static TheoryData<string> Forms => [.. Enum.GetNames<SockmapForm>()];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_segment_is_judged_by_the_rules(string form)
    {
        var program = Load(form);
        var count = 0;
        foreach (var verdictCase in VerdictCases.All(Enum.Parse<SockmapForm>(form), Seed, RandomCases))
        {
            count++;
            var expected = ExpectedVerdict.Of(verdictCase, verdictCase.Consumed);
            var outcome = program.Run(verdictCase);
            if (outcome != expected)
            {
                Assert.Fail($"{verdictCase}\nby the rules: {expected}\nby the program: {outcome}");
            }
        }

        output.WriteLine($"{form}: {count} segments");
        Assert.True(!program.Untried.Any(), string.Join('\n', program.Untried));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void What_user_space_writes_meanwhile_counts_as_written_before_or_after(string form)
    {
        var program = Load(form);
        var random = new Random(Seed);
        foreach (var verdictCase in VerdictCases.Counters(Enum.Parse<SockmapForm>(form)).Where(_ => random.Next(CasesPerInterleaved) == 0))
        {
            // What user space may write: it consumes what was passed, or refreshes one of the others.
            var written = random.Next(4) switch
            {
                0 => verdictCase with { Consumed = verdictCase.Passed },
                1 => verdictCase with { Window = random.Next(4) },
                2 => verdictCase with { Acknowledged = verdictCase.Redirected + verdictCase.Consumed },
                _ => verdictCase with { NotifyAt = random.Next(5) },
            };
            if (written.Form == SockmapForm.Exact && written.Acknowledged != verdictCase.Acknowledged)
            {
                continue;
            }

            var possible = new[]
            {
                ExpectedVerdict.Of(verdictCase, verdictCase.Consumed), ExpectedVerdict.Of(verdictCase, written.Consumed), ExpectedVerdict.Of(written, written.Consumed),
            };
            _ = program.Run(verdictCase, out var steps, null);
            for (var at = 0; at < steps; at++)
            {
                var outcome = program.Run(verdictCase, out _, (kernel, step) => Write(kernel, step == at, written));
                Assert.True(
                    possible.Any(expected => Same(expected, outcome)),
                    $"{verdictCase}\nbefore step {at} becomes {written}\n{outcome}\nis none of\n{string.Join('\n', possible.AsEnumerable())}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_changed_instruction_is_noticed(string form)
    {
        var program = Load(form);
        var cases = VerdictCases.All(Enum.Parse<SockmapForm>(form), Seed, 1000)
            .Select(static verdictCase => (Case: verdictCase, Expected: ExpectedVerdict.Of(verdictCase, verdictCase.Consumed))).ToList();
        var (count, unnoticed) = BpfMutants.Try(program, changed => cases.Exists(entry => changed.Run(entry.Case) != entry.Expected));
        output.WriteLine($"{form}: {count} changed programs");
        Assert.True(unnoticed.Count == 0, string.Join('\n', unnoticed));
    }

    [Fact]
    public void User_space_and_the_verdict_find_the_same_counters_at_the_same_places()
    {
        var slot = new VerdictSlot
        {
            Redirected = 1,
            Passed = 2,
            Overlaps = 3,
            Failure = 4,
            Refused = 11,
            Consumed = 5,
            Acknowledged = 6,
            NotifyAt = 7,
            MostHeld = 8,
            Window = 9,
            Owner = 10,
        };
        var shared = MemoryMarshal.Cast<VerdictSlot, SockmapSlot>(MemoryMarshal.CreateSpan(ref slot, 1))[0];
        Assert.Equal(
            (1ul, 2ul, 3u, 4u, 11u, 5ul, 6ul, 7ul, 8ul, 9u, 10u),
            (shared.Redirected, shared.Passed, shared.Overlaps, shared.Failure, shared.Refused, shared.Consumed, shared.Acknowledged, shared.NotifyAt, shared.MostHeld,
                shared.Window, shared.Owner));
    }

    private static BpfProgram Load(string form) => BpfProgram.Load(Enum.Parse<SockmapForm>(form));

    private static void Write(VerdictKernel kernel, bool isNow, VerdictCase written)
    {
        if (isNow)
        {
            ref var slot = ref kernel.Slot;
            (slot.Consumed, slot.Acknowledged, slot.NotifyAt, slot.Window) =
                (written.Slot.Consumed, written.Slot.Acknowledged, written.Slot.NotifyAt, written.Slot.Window);
        }
    }

    /// <summary>Whether the verdict did the same, whatever user space has written.</summary>
    private static bool Same(VerdictOutcome first, VerdictOutcome second) => first == second with
    {
        Slot = second.Slot with
        {
            Consumed = first.Slot.Consumed,
            Acknowledged = first.Slot.Acknowledged,
            NotifyAt = first.Slot.NotifyAt,
            Window = first.Slot.Window,
        },
    };
}
