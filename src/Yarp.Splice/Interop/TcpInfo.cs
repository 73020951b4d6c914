using System.Runtime.InteropServices;

namespace Yarp.Splice.Interop;

/// <summary><c>struct tcp_info</c> (linux/tcp.h) up to what is used of it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 136)]
internal struct TcpInfo
{
    // net/tcp_states.h.
    private const byte TimeWait = 6;
    private const byte CloseWait = 8;
    private const byte LastAck = 9;
    private const byte Closing = 11;

    [FieldOffset(0)]
    public byte State;

    /// <summary>Milliseconds since a segment with data arrived.</summary>
    [FieldOffset(52)]
    public uint LastDataReceivedMs;

    /// <summary>Bytes that the peer has acknowledged; an active opener's SYN counts as one, and so does FIN.</summary>
    [FieldOffset(120)]
    public ulong BytesAcknowledged;

    /// <summary>Bytes that have arrived in order; FIN counts as one.</summary>
    [FieldOffset(128)]
    public ulong BytesReceived;

    /// <summary>Whether the state says that the peer has sent FIN. A closed socket's state does not tell.</summary>
    public readonly bool HasFin => State is TimeWait or CloseWait or LastAck or Closing;
}
