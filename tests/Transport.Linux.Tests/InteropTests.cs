using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>The layout of kernel structures, and address conversions.</summary>
public class InteropTests
{
    [Fact]
    public void EpollEvent_OnEachArchitecture_HasTheKernelsLayout()
    {
        var isX64 = RuntimeInformation.ProcessArchitecture == Architecture.X64;
        Assert.Equal(isX64 ? 12 : 16, EpollCalls.EventSize);
        Assert.Equal(isX64 ? 4 : 8, EpollCalls.DataOffset);
    }

    [Fact]
    public void MessageHeader_On64Bit_HasTheKernelsLayout()
    {
        Assert.Equal(56, Marshal.SizeOf<SocketCalls.MessageHeader>());
        Assert.Equal(16, (int)Marshal.OffsetOf<SocketCalls.MessageHeader>(nameof(SocketCalls.MessageHeader.Vectors)));
        Assert.Equal(24, (int)Marshal.OffsetOf<SocketCalls.MessageHeader>(nameof(SocketCalls.MessageHeader.VectorCount)));
        Assert.Equal(32, (int)Marshal.OffsetOf<SocketCalls.MessageHeader>(nameof(SocketCalls.MessageHeader.Control)));
        Assert.Equal(48, (int)Marshal.OffsetOf<SocketCalls.MessageHeader>(nameof(SocketCalls.MessageHeader.Flags)));
        Assert.Equal(16, Marshal.SizeOf<SocketCalls.IoVector>());
    }

    [Theory]
    [InlineData("127.0.0.1", 1)]
    [InlineData("255.1.2.3", 65535)]
    [InlineData("::1", 8080)]
    [InlineData("fe80::1%7", 443)]
    public void NativeSocketAddress_IPEndPoint_ComesBackTheSame(string address, int port)
    {
        var endPoint = new IPEndPoint(IPAddress.Parse(address), port);
        Assert.Equal(endPoint, NativeSocketAddress.ToEndPoint(NativeSocketAddress.ToBytes(endPoint).Span));
    }

    [Theory]
    [InlineData("/run/some.sock")]
    [InlineData("\0abstract")]
    public void NativeSocketAddress_UnixEndPoint_ComesBackTheSame(string path)
    {
        var endPoint = new UnixDomainSocketEndPoint(path);
        Assert.Equal(endPoint.ToString(), NativeSocketAddress.ToEndPoint(NativeSocketAddress.ToBytes(endPoint).Span).ToString());
    }

    /// <summary>A peer chooses its name: bytes that are no UTF-8, or as many as sun_path holds, without a terminating zero.</summary>
    [Theory]
    [InlineData(0xd4, 60)]
    [InlineData(0x61, 108)]
    public void NativeSocketAddress_UnixPeerWithANameThatHasNoForm_CountsAsUnnamed(byte value, int length) => Assert.Equal(
        NativeSocketAddress.ToEndPoint([1, 0]), NativeSocketAddress.ToEndPoint([1, 0, .. Enumerable.Repeat(value, length)]));

    [Fact]
    public void NativeSocketAddress_UnnamedUnixPeer_IsAnEndPoint() =>
        Assert.IsType<UnixDomainSocketEndPoint>(NativeSocketAddress.ToEndPoint([1, 0]));

    [Fact]
    public void AllowedCpus_OnThisMachine_HoldsTheProcessorCount() =>
        Assert.InRange(Environment.ProcessorCount, 1, SchedulerCalls.AllowedCpus().Length);

    [Fact]
    public void ToException_RefusedCall_NamesCallSubjectAndErrno()
    {
        var exception = Errno.ToException("bind", "127.0.0.1:80", Errno.EACCES);
        Assert.Equal(SocketError.AccessDenied, exception.SocketErrorCode);
        Assert.Contains("bind failed for 127.0.0.1:80: Permission denied (errno 13)", exception.Message, StringComparison.Ordinal);
    }
}
