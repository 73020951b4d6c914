using System.Runtime.InteropServices;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary><c>struct direction</c> of bpf/verdict.bpf.c: what the verdict and user space tell each other about one direction.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct SockmapSlot
{
    // Written by the verdict once the source is armed.

    /// <summary>Bytes that the kernel has moved to the sink.</summary>
    [FieldOffset(0)]
    public ulong Redirected;

    /// <summary>Bytes that were left to user space to move.</summary>
    [FieldOffset(8)]
    public ulong Passed;

    /// <summary>Segments of which a part had arrived before.</summary>
    [FieldOffset(40)]
    public uint Overlaps;

    /// <summary>Why the stream is damaged, zero if it is not: a <see cref="SockmapFailure"/>.</summary>
    [FieldOffset(44)]
    public uint Failure;

    /// <summary>Segments whose payload was refused because too much was passed already.</summary>
    [FieldOffset(52)]
    public uint Refused;

    // Written by user space.

    /// <summary>Passed bytes that the sink's socket has taken. Equal to <see cref="Passed"/>: the verdict may redirect again.</summary>
    [FieldOffset(64)]
    public ulong Consumed;

    /// <summary>Credit form: what the sink's peer has acknowledged of this direction.</summary>
    [FieldOffset(72)]
    public ulong Acknowledged;

    /// <summary>Credit form: the position at which the verdict asks for a new <see cref="Acknowledged"/>.</summary>
    [FieldOffset(80)]
    public ulong NotifyAt;

    /// <summary>How many bytes may be passed and not consumed before payload is refused.</summary>
    [FieldOffset(88)]
    public ulong MostHeld;

    /// <summary>How many bytes may be unacknowledged before the verdict passes instead of redirecting.</summary>
    [FieldOffset(96)]
    public uint Window;

    /// <summary>The index of the event loop that hears of this direction.</summary>
    [FieldOffset(100)]
    public uint Owner;
}
