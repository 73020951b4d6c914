namespace Yarp.Splice.Tests.Model;

/// <summary>
/// The decisions of bpf/verdict.bpf.c, for the model. VerdictProgramTests executes the program's instructions and compares. Positions count bytes
/// since the direction was armed.
/// </summary>
internal static class VerdictRules
{
    /// <summary>Segments that may be on their way since the last count began.</summary>
    public const int MostSegments = 512;

    /// <summary>What a segment costs besides its payload, at least.</summary>
    public const uint SegmentCost = 512;

    /// <summary>What has cost more than this is only half as recent.</summary>
    public const uint Recent = 64 << 20;

    /// <summary>How many times the largest receive buffer small segments may cost, and how many times more than it the brake can be late.</summary>
    private const int Tolerance = 4;

    /// <summary>Whether a segment is redirected: <c>has_room</c>.</summary>
    public static bool HasRoom(long redirected, long passed, long consumed, int length, long acknowledged, long window, int segments) =>
        passed == consumed && segments < MostSegments && redirected + consumed + length - acknowledged <= window;

    /// <summary>Whether segments are counted from zero again, because what was on its way when the count began has been acknowledged.</summary>
    public static bool CountsAnew(long acknowledged, long epoch) => acknowledged >= epoch;

    /// <summary>Whether user space is asked what has been acknowledged: <c>runs_short</c>.</summary>
    public static bool RunsShort(long redirected, long consumed, long notified, long notifyAt, int segments) =>
        notified != notifyAt && (redirected + consumed >= notifyAt || segments >= MostSegments / 2);

    /// <summary>Whether user space is told of passed bytes: it had consumed all before these.</summary>
    public static bool TellsOfPassed(long passedBefore, long consumed) => passedBefore == consumed;

    /// <summary>Whether more is passed than the brake can have let in: the verdict gives up.</summary>
    public static bool IsOverfull(long passed, long consumed, long mostHeld) => passed - consumed > Tolerance * mostHeld;

    /// <summary>What recently passed segments cost, and their bytes, after one more: <c>count_cost</c>.</summary>
    public static (uint Cost, uint Bytes) CountCost(uint cost, uint bytes, uint length)
    {
        cost += length + SegmentCost;
        bytes += length;
        return cost > Recent ? (cost / 2, bytes / 2) : (cost, bytes);
    }

    /// <summary>Whether payload is refused: what is passed and not consumed is, or costs by what passed bytes have recently cost, too much.</summary>
    public static bool IsRefused(long passed, long consumed, long mostHeld, uint recentCost, uint recentBytes)
    {
        var held = passed - consumed;
        return held > mostHeld || (held > 0 && held * recentCost > Tolerance * mostHeld * recentBytes);
    }
}
