namespace Yarp.Splice.Relay.Paths;

/// <summary>
/// When a direction moves between Copy and Splice: every threshold there is, one row for each mode. Every direction starts with Copy, and moves
/// only when nothing is held. docs/modes.md explains the numbers; keep its table the same.
/// </summary>
/// <remarks>
/// Measured with request/response on loopback: a copy takes less CPU time below 16 KiB, the two are even between 16 and 64 KiB, and at
/// 128 KiB a splice takes about half.
/// </remarks>
internal sealed record PathPolicy
{
    /// <summary>A full read says that more is waiting: splice at once what follows it.</summary>
    public static readonly PathPolicy Splice = new() { MaySplice = true, FullReadsBeforeSplice = 1, MostFullReadsBeforeSplice = 1 };

    /// <summary>
    /// A few full reads in a row say that much is waiting. A direction that went back to Copy must show twice as many the next time, so that
    /// a pattern which lies across the thresholds does not oscillate.
    /// </summary>
    public static readonly PathPolicy Auto = new() { MaySplice = true, FullReadsBeforeSplice = 3, MostFullReadsBeforeSplice = 192 };

    public static readonly PathPolicy Copy = new();

    public bool MaySplice { get; init; }

    /// <summary>Bytes from which a read counts as full.</summary>
    public int FullRead { get; init; } = RelayWorker.BufferSize;

    /// <summary>Full reads in a row that move a direction to Splice.</summary>
    public int FullReadsBeforeSplice { get; init; }

    /// <summary>Where the doubling of <see cref="FullReadsBeforeSplice"/> ends.</summary>
    public int MostFullReadsBeforeSplice { get; init; }

    /// <summary>Full reads in a row before a direction that got no pipe asks for one again: 4 MiB.</summary>
    public int FullReadsAfterNoPipe { get; init; } = 64;

    /// <summary>Bytes below which a splice counts as small.</summary>
    public int SmallSplice { get; init; } = 16 * 1024;

    /// <summary>Small splices in a row that move a direction back to Copy.</summary>
    public int SmallSplicesBeforeCopy { get; init; } = 8;

    /// <summary>Splices without a small one that end the doubling: 8 MiB or more, which is bulk beyond doubt.</summary>
    public int LargeSplicesBeforeForgiving { get; init; } = 512;

    public static PathPolicy Of(SpliceMode mode) => mode switch
    {
        SpliceMode.Copy => Copy,
        SpliceMode.Auto => Auto,
        _ => Splice,
    };
}
