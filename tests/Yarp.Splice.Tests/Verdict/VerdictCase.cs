using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>
/// A segment that arrives on an armed socket, and all that the verdict can look at then. Positions count bytes since the socket was armed; what the
/// program is given of them is modulo 2^32 where it works so.
/// </summary>
internal sealed record VerdictCase
{
    public const ulong Cookie = 0x1_0000_0007;
    public const int SlotIndex = 41;
    public const int Owner = 3;

    public SockmapForm Form { get; init; }

    public int Length { get; init; } = 1;

    public uint Sequence { get; init; } = 1000;

    /// <summary>The sequence number behind the segment.</summary>
    public uint End => Sequence + (uint)Length;

    public uint NextSequence { get; init; } = 1000;

    public bool IsStarted { get; init; } = true;

    public long Redirected { get; init; }

    public long Passed { get; init; }

    public long Consumed { get; init; }

    /// <summary>What recently passed segments have cost the kernel, at least.</summary>
    public uint RecentCost { get; init; }

    /// <summary>The bytes of those segments.</summary>
    public uint RecentBytes { get; init; }

    /// <summary>What the sink's peer has acknowledged: less than zero if bytes from before the arming have not been yet.</summary>
    public long Acknowledged { get; init; }

    public long Notified { get; init; }

    public long NotifyAt { get; init; }

    public int Window { get; init; }

    public long MostHeld { get; init; } = 1 << 20;

    /// <summary>The position up to which segments were counted.</summary>
    public long Epoch { get; init; }

    public int Segments { get; init; }

    public uint Overlaps { get; init; }

    public SockmapFailure Failure { get; init; }

    /// <summary>The sequence number at which the sink's stream stood at position zero.</summary>
    public uint PeerBase { get; init; } = 5000;

    public bool HasPeerBase { get; init; } = true;

    public bool HasSlot { get; init; } = true;

    public bool HasDirection { get; init; } = true;

    public bool HasPeer { get; init; } = true;

    public bool HasTcp { get; init; } = true;

    /// <summary>Whether the kernel finds the peer when it shall redirect to it.</summary>
    public bool IsRedirectTaken { get; init; } = true;

    /// <summary>Which call that takes bytes off the segment fails; none, if there are not so many.</summary>
    public int FailingTrimCall { get; init; } = int.MaxValue;

    public RingState Ring { get; init; }

    public bool HasOverruns { get; init; } = true;

    public uint SendUnacknowledged => PeerBase + (uint)Acknowledged;

    /// <summary>What is sent next to the sink: later, of no interest to the verdict.</summary>
    public uint WriteSequence => HasPeerBase ? PeerBase + (uint)(Redirected + Consumed) + 1 : PeerBase;

    public VerdictSlot Slot => new()
    {
        Redirected = (ulong)Redirected,
        Passed = (ulong)Passed,
        Notified = (ulong)Notified,
        NextSequence = NextSequence,
        PeerBase = HasPeerBase ? PeerBase : 0,
        Epoch = (uint)Epoch,
        Segments = (uint)Segments,
        Overlaps = Overlaps,
        Failure = (uint)Failure,
        IsStarted = (ushort)(IsStarted ? 1 : 0),
        HasPeerBase = (ushort)(HasPeerBase ? 1 : 0),
        RecentCost = RecentCost,
        RecentBytes = RecentBytes,
        Consumed = (ulong)Consumed,
        // The exact form must not look at what it is told.
        Acknowledged = Form == SockmapForm.Credit ? (ulong)Acknowledged : 0x5555,
        NotifyAt = (ulong)NotifyAt,
        MostHeld = (ulong)MostHeld,
        Window = (uint)Window,
        Owner = Owner,
    };
}
