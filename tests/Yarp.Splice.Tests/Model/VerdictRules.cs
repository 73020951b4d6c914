namespace Yarp.Splice.Tests.Model;

/// <summary>The decisions of bpf/verdict.bpf.c, for the model: keep them the same.</summary>
internal static class VerdictRules
{
    /// <summary>Whether a segment is redirected: <c>has_room</c>.</summary>
    public static bool HasRoom(long redirected, long passed, long consumed, int length, long acknowledged, long window) =>
        passed == consumed && redirected + consumed + length - acknowledged <= window;

    /// <summary>Whether user space is asked what has been acknowledged: <c>runs_short</c>.</summary>
    public static bool RunsShort(long redirected, long consumed, long notified, long notifyAt) =>
        notified != notifyAt && redirected + consumed >= notifyAt;

    /// <summary>Whether user space is told of passed bytes: it had consumed all before these.</summary>
    public static bool TellsOfPassed(long passedBefore, long consumed) => passedBefore == consumed;

    /// <summary>Whether more is passed than the socket can hold.</summary>
    public static bool IsOverfull(long passed, long consumed, long mostHeld) => passed - consumed > mostHeld;
}
