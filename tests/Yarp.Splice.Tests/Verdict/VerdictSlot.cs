using System.Runtime.InteropServices;

namespace Yarp.Splice.Tests.Verdict;

/// <summary><c>struct direction</c> of bpf/verdict.bpf.c, with what only the verdict looks at.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal record struct VerdictSlot
{
    [FieldOffset(0)]
    public ulong Redirected;

    [FieldOffset(8)]
    public ulong Passed;

    [FieldOffset(16)]
    public ulong Notified;

    [FieldOffset(24)]
    public uint NextSequence;

    [FieldOffset(28)]
    public uint PeerBase;

    [FieldOffset(32)]
    public uint Epoch;

    [FieldOffset(36)]
    public uint Segments;

    [FieldOffset(40)]
    public uint Overlaps;

    [FieldOffset(44)]
    public uint Failure;

    [FieldOffset(48)]
    public ushort IsStarted;

    [FieldOffset(50)]
    public ushort HasPeerBase;

    [FieldOffset(52)]
    public uint Refused;

    [FieldOffset(56)]
    public uint RecentCost;

    [FieldOffset(60)]
    public uint RecentBytes;

    [FieldOffset(64)]
    public ulong Consumed;

    [FieldOffset(72)]
    public ulong Acknowledged;

    [FieldOffset(80)]
    public ulong NotifyAt;

    [FieldOffset(88)]
    public ulong MostHeld;

    [FieldOffset(96)]
    public uint Window;

    [FieldOffset(100)]
    public uint Owner;
}
