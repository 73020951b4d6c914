using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>
/// A TCP peer in user space behind a TUN device. It sends exactly the segments that it is told to, and does not look at what is acknowledged.
/// </summary>
internal sealed partial class TunPeer : IDisposable
{
    public const string Device = "/dev/net/tun";

    private const int CLONE_NEWNET = 0x40000000;
    private const nuint TUNSETIFF = 0x400454ca;
    private const short IFF_TUN_NO_PI = 0x1001;
    private const int HeaderSize = 40;
    private const uint InitialSequence = 1_000_000;
    private const ushort LocalPort = 20_000;
    private const byte Syn = 2;
    private const byte Push = 8;
    private const byte Acknowledge = 16;

    private readonly SafeFileHandle _device;
    private readonly byte[] _here = [10, 77, 0, 2];
    private readonly byte[] _there = Address.GetAddressBytes();
    private readonly ushort _port;
    private uint _acknowledged;

    private TunPeer(SafeFileHandle device, int port)
    {
        _device = device;
        _port = (ushort)port;
    }

    /// <summary>The kernel's address on the device.</summary>
    public static IPAddress Address { get; } = IPAddress.Parse("10.77.0.1");

    /// <summary>Moves the calling thread, for good, into a network namespace of its own with the device and loopback up.</summary>
    public static SafeFileHandle EnterNamespace()
    {
        Assert.Equal(0, unshare(CLONE_NEWNET));
        var device = File.OpenHandle(Device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var request = new byte[40];
        "tun0"u8.CopyTo(request);
        BinaryPrimitives.WriteInt16LittleEndian(request.AsSpan(16), IFF_TUN_NO_PI);
        Assert.Equal(0, ioctl(device, TUNSETIFF, request));
        foreach (var command in new[] { $"addr add {Address}/24 dev tun0", "link set tun0 up", "link set lo up" })
        {
            // The child belongs to the namespace of the thread that starts it.
            using var process = System.Diagnostics.Process.Start(Programs.Require("ip"), command);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }

        return device;
    }

    /// <summary>Opens a connection to a listening socket.</summary>
    public static TunPeer Connect(SafeFileHandle device, int port)
    {
        var peer = new TunPeer(device, port);
        peer.Send(InitialSequence, Syn, []);
        peer._acknowledged = peer.ReceiveSynAck() + 1;
        peer.Send(InitialSequence + 1, Acknowledge, []);
        return peer;
    }

    /// <summary>Sends the bytes of the stream from one position to another as one segment.</summary>
    public void SendSegment(int from, int to) =>
        Send(InitialSequence + 1 + (uint)from, Push | Acknowledge, [.. Enumerable.Range(from, to - from).Select(ByteAt)]);

    /// <summary>What the stream holds at a position.</summary>
    public static byte ByteAt(int position) => (byte)((position * 7) + (position / 251));

    public void Dispose() => _device.Dispose();

    private uint ReceiveSynAck()
    {
        var packet = new byte[2048];
        while (true)
        {
            var length = read(_device, packet, (nuint)packet.Length);
            // IPv4, TCP, to our port; the kernel sends other things on a new device too.
            if (length >= HeaderSize && packet[0] == 0x45 && packet[9] == 6 && BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(22)) == LocalPort)
            {
                Assert.Equal(Syn | Acknowledge, packet[33]);
                return BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(24));
            }
        }
    }

    private void Send(uint sequence, byte flags, byte[] data)
    {
        var packet = new byte[HeaderSize + data.Length];
        var ip = packet.AsSpan(0, 20);
        var tcp = packet.AsSpan(20);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)packet.Length);
        ip[8] = 64;
        ip[9] = 6;
        _here.CopyTo(ip[12..]);
        _there.CopyTo(ip[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Checksum(0, ip));
        BinaryPrimitives.WriteUInt16BigEndian(tcp, LocalPort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], _port);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], _acknowledged);
        tcp[12] = 5 << 4;
        tcp[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], ushort.MaxValue);
        data.CopyTo(tcp[20..]);
        // Over the pseudo-header too: addresses, protocol and length (RFC 9293, 3.1).
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Checksum(Sum(ip[12..]) + 6 + (uint)tcp.Length, tcp));
        Assert.Equal(packet.Length, write(_device, packet, (nuint)packet.Length));
    }

    private static ushort Checksum(uint start, ReadOnlySpan<byte> bytes)
    {
        var sum = start + Sum(bytes);
        while (sum > ushort.MaxValue)
        {
            sum = (sum & ushort.MaxValue) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        var sum = 0u;
        for (var i = 0; i < bytes.Length; i++)
        {
            sum += i % 2 == 0 ? (uint)bytes[i] << 8 : bytes[i];
        }

        return sum;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(SafeFileHandle descriptor, byte[] buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(SafeFileHandle descriptor, byte[] buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeFileHandle descriptor, nuint request, byte[] argument);
}
