namespace Yarp.Splice.Tests.Verdict;

/// <summary>A segment that arrives on a socket, before TCP sees it, and what the brake can look at.</summary>
internal sealed record BrakeCase
{
    public const byte Fin = 1;

    /// <summary>The length of the TCP header, in bytes.</summary>
    public int Header { get; init; } = 32;

    public int Payload { get; init; } = 1;

    /// <summary>The flags of the TCP header.</summary>
    public byte Flags { get; init; }

    /// <summary>Whether the header can be read.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Whether the socket is armed.</summary>
    public bool HasSlot { get; init; } = true;

    public bool HasDirection { get; init; } = true;

    public long Passed { get; init; }

    public long Consumed { get; init; }

    public long MostHeld { get; init; }

    public uint RecentCost { get; init; }

    public uint RecentBytes { get; init; }
}
