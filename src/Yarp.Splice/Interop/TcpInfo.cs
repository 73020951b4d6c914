using System.Runtime.InteropServices;

namespace Yarp.Splice.Interop;

/// <summary><c>struct tcp_info</c> (linux/tcp.h) up to what is used of it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 136)]
internal struct TcpInfo
{
    /// <summary>TCP_CLOSE_WAIT: the peer has sent FIN, we have not.</summary>
    public const byte CloseWait = 8;

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
}
