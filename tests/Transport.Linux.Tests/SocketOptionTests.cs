using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Configuration;
using Transport.Linux.Interop;
using Transport.Linux.Listening;

namespace Transport.Linux.Tests;

/// <summary>What the kernel says of an accepted socket when the option was set on the listener: the proof that it is inherited.</summary>
public class SocketOptionTests
{
    private const int TcpLevel = SocketCalls.IPPROTO_TCP;
    private const int SocketLevel = SocketCalls.SOL_SOCKET;

    [Theory]
    [InlineData("NoDelay", "true", TcpLevel, SocketCalls.TCP_NODELAY, 1)]
    [InlineData("NoDelay", "false", TcpLevel, SocketCalls.TCP_NODELAY, 0)]
    [InlineData("KeepAliveTime", "00:01:17", SocketLevel, SocketCalls.SO_KEEPALIVE, 1)]
    [InlineData("KeepAliveTime", "00:01:17", TcpLevel, SocketCalls.TCP_KEEPIDLE, 77)]
    [InlineData("KeepAliveInterval", "00:00:10.5", TcpLevel, SocketCalls.TCP_KEEPINTVL, 11)]
    [InlineData("KeepAliveCount", "3", TcpLevel, SocketCalls.TCP_KEEPCNT, 3)]
    [InlineData("UserTimeout", "00:00:05", TcpLevel, SocketCalls.TCP_USER_TIMEOUT, 5000)]
    [InlineData("SendBufferSize", "65536", SocketLevel, SocketCalls.SO_SNDBUF, 131072)]
    [InlineData("ReceiveBufferSize", "70000", SocketLevel, SocketCalls.SO_RCVBUF, 140000)]
    [InlineData("NotSentLowWatermark", "16384", TcpLevel, SocketCalls.TCP_NOTSENT_LOWAT, 16384)]
    [InlineData("QuickAck", "true", TcpLevel, SocketCalls.TCP_QUICKACK, 1)]
    [InlineData("ZeroCopySendThreshold", "32768", SocketLevel, SocketCalls.SO_ZEROCOPY, 1)]
    [InlineData("FreeBind", "true", SocketCalls.IPPROTO_IP, SocketCalls.IP_FREEBIND, 1)]
    [InlineData("IpTos", "184", SocketCalls.IPPROTO_IP, SocketCalls.IP_TOS, 184)]
    public Task Option_AcceptedSocket_HasItsValue(string option, string value, int level, int number, int expected) =>
        AssertAcceptedSocketHas(IPAddress.Loopback, IPAddress.Loopback, option, value, level, number, expected);

    [RequiresNetAdminTheory]
    [InlineData("BusyPoll", "00:00:00.00005", SocketLevel, SocketCalls.SO_BUSY_POLL, 50)]
    [InlineData("Transparent", "true", SocketCalls.IPPROTO_IP, SocketCalls.IP_TRANSPARENT, 1)]
    [InlineData("Mark", "4294967295", SocketLevel, SocketCalls.SO_MARK, -1)]
    public Task Option_ThatNeedsCapNetAdmin_AcceptedSocketHasItsValue(string option, string value, int level, int number, int expected) =>
        AssertAcceptedSocketHas(IPAddress.Loopback, IPAddress.Loopback, option, value, level, number, expected);

    [Theory]
    [InlineData("NoDelay", "true", "::1", TcpLevel, SocketCalls.TCP_NODELAY, 1)]
    [InlineData("FreeBind", "true", "::1", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_FREEBIND, 1)]
    [InlineData("IpTos", "184", "::1", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_TCLASS, 184)]
    [InlineData("IpTos", "184", "127.0.0.1", SocketCalls.IPPROTO_IP, SocketCalls.IP_TOS, 184)]
    [InlineData("V6Only", "true", "::1", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_V6ONLY, 1)]
    [InlineData("V6Only", "false", "::1", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_V6ONLY, 0)]
    public Task Option_OnAnIPv6Endpoint_AcceptedSocketHasItsValue(
        string option, string value, string connectTo, int level, int number, int expected) =>
        AssertAcceptedSocketHas(IPAddress.IPv6Any, IPAddress.Parse(connectTo), option, value, level, number, expected);

    [RequiresNetAdminTheory]
    [InlineData("Transparent", "true", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_TRANSPARENT, 1)]
    public Task Option_ThatNeedsCapNetAdmin_OnAnIPv6Endpoint_AcceptedSocketHasItsValue(
        string option, string value, int level, int number, int expected) =>
        AssertAcceptedSocketHas(IPAddress.IPv6Any, IPAddress.IPv6Loopback, option, value, level, number, expected);

    [Fact]
    public async Task V6Only_OnTheWildcard_RefusesIPv4()
    {
        using var loops = new LoopFixture(static options => options.V6Only = true);
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.IPv6Any, 0), accepted);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var refused = await Assert.ThrowsAsync<SocketException>(
            () => client.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.EndPoint).Port));
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
        await listener.StopAsync();
    }

    [Fact]
    public async Task FreeBind_AddressOfAnotherMachine_IsBound()
    {
        using var loops = new LoopFixture(static options => options.FreeBind = true);
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0), accepted);
        Assert.Equal("192.0.2.1", ((IPEndPoint)listener.EndPoint).Address.ToString());
        await listener.StopAsync();
    }

    [Fact]
    public async Task DeferAccept_SilentConnection_IsAcceptedAfterOneThatCameLaterAndSpoke()
    {
        using var loops = new LoopFixture(static options =>
        {
            options.ThreadCount = 1;
            options.DeferAccept = TimeSpan.FromMinutes(5);
        });
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        using var silent = await ConnectAsync((IPEndPoint)listener.EndPoint);
        using var speaking = await ConnectAsync((IPEndPoint)listener.EndPoint);
        await speaking.SendAsync(new byte[1]);
        Assert.Equal(PortOf(speaking), (await accepted.NextAsync()).RemotePort);
        await silent.SendAsync(new byte[1]);
        Assert.Equal(PortOf(silent), (await accepted.NextAsync()).RemotePort);
        await listener.StopAsync();
    }

    [Fact]
    public void FastOpen_Listener_HasTheQueueLength()
    {
        var options = new LinuxTransportOptions { FastOpen = 16 };
        var listener = ListeningSocket.Bind(new IPEndPoint(IPAddress.Loopback, 0), joinsGroup: false, options);
        Assert.Equal(16, Get(listener, TcpLevel, SocketCalls.TCP_FASTOPEN));
        _ = SocketCalls.Close(listener);
    }

    [Fact]
    public async Task Options_InheritedDescriptor_AreSetOnItToo()
    {
        using var loops = new LoopFixture(static options => options.KeepAliveTime = TimeSpan.FromSeconds(77));
        using var accepted = new AcceptProbe();
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var listener = loops.Group.Listen(new FileHandleEndPoint((ulong)inherited.Handle, FileHandleType.Tcp), accepted);
        using var client = await ConnectAsync((IPEndPoint)inherited.LocalEndPoint!);
        var descriptor = (await accepted.NextAsync()).Descriptor;
        Assert.Equal(77, Get(descriptor, TcpLevel, SocketCalls.TCP_KEEPIDLE));
        Assert.Equal(1, Get(descriptor, TcpLevel, SocketCalls.TCP_NODELAY));
        await listener.StopAsync();
    }

    [Fact]
    public async Task Options_UnixEndpoint_AreLeftOut()
    {
        using var loops = new LoopFixture(static options =>
        {
            options.KeepAliveTime = TimeSpan.FromSeconds(77);
            options.QuickAck = true;
        });
        using var accepted = new AcceptProbe();
        var endPoint = new UnixDomainSocketEndPoint($"\0{Guid.NewGuid():N}");
        var listener = loops.Group.Listen(endPoint, accepted);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(endPoint);
        await accepted.NextAsync();
        await listener.StopAsync();
    }

    [Fact]
    public void Listen_ValueThatTheKernelRefuses_ThrowsNamingOptionValueAndErrno()
    {
        // Past the validator on purpose: TCP_KEEPCNT ends at 127.
        using var loops = new LoopFixture(static options => options.KeepAliveCount = 1000);
        using var accepted = new AcceptProbe();
        var exception = Assert.Throws<SocketException>(() => loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted));
        Assert.Equal(SocketError.InvalidArgument, exception.SocketErrorCode);
        Assert.Contains(
            "LinuxTransport:KeepAliveCount=1000: setsockopt(TCP_KEEPCNT=1000) failed for 127.0.0.1:0: Invalid argument (errno 22)",
            exception.Message,
            StringComparison.Ordinal);
    }

    private static async Task AssertAcceptedSocketHas(
        IPAddress listenOn, IPAddress connectTo, string option, string value, int level, int number, int expected)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new(option, value)]).Build();
        using var loops = new LoopFixture(options => configuration.Bind(options));
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(listenOn, 0), accepted);
        using var client = await ConnectAsync(new IPEndPoint(connectTo, ((IPEndPoint)listener.EndPoint).Port));
        Assert.Equal(expected, Get((await accepted.NextAsync()).Descriptor, level, number));
        await listener.StopAsync();
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint endPoint)
    {
        var client = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(endPoint).WaitAsync(Deadline.Default);
        return client;
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;

    private static int Get(int descriptor, int level, int number)
    {
        Assert.Equal(0, SocketCalls.GetOption(descriptor, level, number, out var value));
        return value;
    }
}
