using System.Net;
using System.Net.Sockets;
using Transport.Linux.Interop;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Relay;

public class SessionSocketOptionsTests
{
    private static readonly SessionSocketOptions s_options = new()
    {
        UserTimeout = TimeSpan.FromMilliseconds(4321),
        KeepAliveTime = TimeSpan.FromSeconds(61),
        KeepAliveInterval = TimeSpan.FromSeconds(7),
        KeepAliveCount = 5,
    };

    [Theory]
    [CombinedModes]
    public async Task Session_WithOptions_HasThemOnBothSockets(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode, static route => route with { SocketOptions = s_options });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            AssertOptions(Find((IPEndPoint)client.RemoteEndPoint!, (IPEndPoint)client.LocalEndPoint!));
            AssertOptions(Find((IPEndPoint)server.RemoteEndPoint!, (IPEndPoint)server.LocalEndPoint!));
        }
    }

    [Fact]
    public void Apply_ToASocketOfDotNet_SetsTheSame()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        s_options.Apply(socket);
        AssertOptions((int)socket.Handle);
    }

    /// <summary>The gateway's descriptor of a connection; it is in this process, like the other end's.</summary>
    private static int Find(IPEndPoint local, IPEndPoint remote)
    {
        Span<byte> address = stackalloc byte[NativeSocketAddress.MaxLength];
        foreach (var link in Directory.GetFiles("/proc/self/fd"))
        {
            var descriptor = int.Parse(Path.GetFileName(link), System.Globalization.CultureInfo.InvariantCulture);
            // A listening socket, and those that it has accepted, have the same local address: only the connection has the peer's.
            if (SocketCalls.GetSocketName(descriptor, address, out var length) == 0 && length > 2 &&
                NativeSocketAddress.ToEndPoint(address[..length]) is IPEndPoint own && own.Equals(local) && IsConnectedTo(descriptor, remote))
            {
                return descriptor;
            }
        }

        Assert.Fail($"no descriptor of {local} to {remote}");
        return -1;
    }

    private static bool IsConnectedTo(int descriptor, IPEndPoint remote)
    {
        using var handle = new SafeSocketHandle(descriptor, ownsHandle: false);
        using var socket = new Socket(handle);
        return remote.Equals(socket.RemoteEndPoint);
    }

    private static void AssertOptions(int descriptor)
    {
        Assert.Equal(4321, Get(SocketCalls.IPPROTO_TCP, SocketCalls.TCP_USER_TIMEOUT));
        Assert.Equal(1, Get(SocketCalls.SOL_SOCKET, SocketCalls.SO_KEEPALIVE));
        Assert.Equal(61, Get(SocketCalls.IPPROTO_TCP, SocketCalls.TCP_KEEPIDLE));
        Assert.Equal(7, Get(SocketCalls.IPPROTO_TCP, SocketCalls.TCP_KEEPINTVL));
        Assert.Equal(5, Get(SocketCalls.IPPROTO_TCP, SocketCalls.TCP_KEEPCNT));

        int Get(int level, int name)
        {
            Assert.Equal(0, SocketCalls.GetOption(descriptor, level, name, out var value));
            return value;
        }
    }
}
