using Xunit.Abstractions;
using Yarp.Splice.Tests.Model;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>The brake in the embedded object, executed instruction by instruction as <see cref="VerdictProgramTests"/> does the verdict.</summary>
public class BrakeProgramTests(ITestOutputHelper output)
{
    private const int Most = 1000;
    private const long Position = 1L << 40;

    private static readonly bool[] s_both = [true, false];

    [Fact]
    public void Payload_is_refused_by_the_rules_and_nothing_else_is()
    {
        var program = BpfProgram.LoadBrake();
        var count = 0;
        foreach (var brakeCase in Cases())
        {
            count++;
            Assert.True(Same(program, brakeCase), $"{brakeCase}\nby the rules: {Expected(brakeCase)}\nby the program: {program.Run(brakeCase)}");
        }

        output.WriteLine($"{count} segments");
        Assert.True(!program.Untried.Any(), string.Join('\n', program.Untried));
    }

    [Fact]
    public void A_changed_instruction_is_noticed()
    {
        var program = BpfProgram.LoadBrake();
        var cases = Cases().ToList();
        var (count, unnoticed) = BpfMutants.Try(program, changed => cases.Exists(brakeCase => !Same(changed, brakeCase)));
        output.WriteLine($"{count} changed programs");
        Assert.True(unnoticed.Count == 0, string.Join('\n', unnoticed));
    }

    private static (int Kept, uint Refused) Expected(BrakeCase brakeCase)
    {
        var isRefused = brakeCase is { HasHeader: true, HasSlot: true, HasDirection: true, Payload: > 0 } &&
            VerdictRules.IsRefused(brakeCase.Passed, brakeCase.Consumed, brakeCase.MostHeld, brakeCase.RecentCost, brakeCase.RecentBytes);
        return !isRefused ? (brakeCase.Header + brakeCase.Payload, 0)
            : (brakeCase.Flags & BrakeCase.Fin) != 0 ? (0, 1u)
            : (brakeCase.Header, 1u);
    }

    private static bool Same(BpfProgram program, BrakeCase brakeCase) => program.Run(brakeCase) == Expected(brakeCase);

    private static IEnumerable<BrakeCase> Cases() => Amounts().Concat(Segments());

    /// <summary>How much is held, and what passed bytes have cost, around the limits.</summary>
    private static IEnumerable<BrakeCase> Amounts() =>
        from held in new[] { -Most, -1, 0, 1, 2, 399, 400, 401, Most - 1, Most, Most + 1, 5 * Most }
        from begin in new[] { 0, Position }
        from cost in new uint[] { 0, 1, 9, 10, 11, VerdictRules.Recent }
        from bytes in new uint[] { 0, 1, VerdictRules.Recent }
        where begin + held >= 0
        select new BrakeCase { Passed = begin + held, Consumed = begin, MostHeld = Most, RecentCost = cost, RecentBytes = bytes };

    /// <summary>Segments of all shapes, with too much held and not.</summary>
    private static IEnumerable<BrakeCase> Segments() =>
        from header in Enumerable.Range(5, 11)
        from payload in new[] { 0, 1, 2, 70_000 }
        from flags in new byte[] { 0, 1, 2, 4, 0x10, 0x11, 0xfe, 0xff }
        from hasHeader in s_both
        from hasSlot in s_both
        from hasDirection in s_both
        from isTooMuch in s_both
        select new BrakeCase
        {
            Header = header * 4,
            Payload = payload,
            Flags = flags,
            HasHeader = hasHeader,
            HasSlot = hasSlot,
            HasDirection = hasDirection,
            Passed = isTooMuch ? Most + 1 : Most,
            MostHeld = Most,
            RecentCost = 1,
            RecentBytes = 1,
        };
}
