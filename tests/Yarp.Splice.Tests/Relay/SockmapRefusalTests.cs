using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Testing.Faults;
using Yarp.Splice.Bpf;
using Yarp.Splice.Interop;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Sessions that the kernel will not take over although mode Sockmap runs: neither side notices, and the gateway says so once.</summary>
public partial class SockmapRefusalTests
{
    private const int IPPROTO_MPTCP = 262;
    private const uint BPF_MAP_TYPE_SOCKHASH = 18;
    private const int Bulk = 4 * 1024 * 1024;

    /// <summary>
    /// The directions run out where the gateway counts them, each map where the kernel does. Five entries are enough for two sessions, and for one
    /// direction of a third.
    /// </summary>
    [NotUnderFaults("a read that was cut short keeps a session from being armed")]
    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact), "directions")]
    [InlineData(nameof(SockmapForm.Exact), "slots")]
    [InlineData(nameof(SockmapForm.Exact), "peers")]
    [InlineData(nameof(SockmapForm.Exact), "armed")]
    [InlineData(nameof(SockmapForm.Credit), "directions")]
    [InlineData(nameof(SockmapForm.Credit), "armed")]
    public async Task MapFull_SessionsBeyondGoOnInUserSpaceUntilThereIsRoomAgain(string form, string map)
    {
        await using var relay = RelayFixture.CreateSockmap(loops => new SockmapSupport(
            new SockmapProgram(Enum.Parse<SockmapForm>(form), loops, new Dictionary<string, uint> { [map] = 5 }), null));
        var pairs = new List<(Socket Client, Socket Server)>();
        for (var i = 0; i < 6; i++)
        {
            var pair = await relay.ConnectPairAsync();
            pairs.Add(pair);
            await ConverseAsync(pair.Client, pair.Server, exchanges: 10);
        }

        var armed = relay.ArmedDirections;
        Assert.InRange(armed, 4, 5);
        await Task.WhenAll(pairs.Select(static pair => ExchangeBulkAsync(pair.Client, pair.Server)));
        Assert.Equal(4, relay.Metrics.Sum(
            "splice.fallbacks", ("splice.requested", "Sockmap"), ("splice.reason", "as many sessions are armed as the maps can hold")));
        // What the kernel refuses for want of room it still gives to the verdict: splice would not see those bytes.
        Assert.Equal(map == "armed" ? 4 : 0, relay.Metrics.Sum("splice.fallbacks", ("splice.effective", "Copy")));
        Assert.Single(relay.Log.Entries, static entry => entry.Id == 104);

        // What an armed session leaves serves the next one.
        foreach (var (client, server) in pairs)
        {
            await CloseAsync(client, server);
        }

        await relay.WaitUntilIdleAsync();
        Assert.True(SpinWait.SpinUntil(() => relay.Metrics.Sum("splice.sockmap.sessions") == 0, RelayFixture.Deadline), "still armed");
        for (var i = 0; i < 2; i++)
        {
            var (client, server) = await relay.ConnectPairAsync();
            await ConverseAsync(client, server, exchanges: 10);
            Assert.Equal(armed + (2 * (i + 1)), relay.ArmedDirections);
            await CloseAsync(client, server);
        }

        await relay.WaitUntilIdleAsync();
    }

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public async Task SocketInAnotherProgramsSockmap_IsRelayedAllTheSame(string form)
    {
        await using var relay = RelayFixture.CreateSockmap(form);
        using var listener = Listen(Protocol(ProtocolType.Tcp));
        using var client = Connect(Protocol(ProtocolType.Tcp), listener);
        var accepted = listener.Accept();
        using var other = new BpfMap("other", new BpfMapDefinition(BPF_MAP_TYPE_SOCKHASH, sizeof(ulong), sizeof(ulong), 1, 0));
        // r0 = SK_PASS; exit
        var program = BpfCalls.LoadVerdict("other", [0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0], "GPL", []);
        Assert.True(program > 0, $"{program}");
        Assert.Equal(0, BpfCalls.AttachVerdict(other.Descriptor, program));
        _ = close(program);
        Assert.Equal(0, SocketStateCalls.GetCookie((int)accepted.Handle, out var cookie));
        Assert.Equal(0, other.Update(cookie, (ulong)accepted.Handle));

        await RelayAsync(relay, client, accepted, "Copy", "another program has the socket in a sockmap");
    }

    [RequiresMultipathTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public async Task MultipathClient_IsRelayedAllTheSame(string form)
    {
        await using var relay = RelayFixture.CreateSockmap(form);
        using var listener = Listen(Protocol((ProtocolType)IPPROTO_MPTCP));
        using var client = Connect(Protocol((ProtocolType)IPPROTO_MPTCP), listener);
        await RelayAsync(relay, client, listener.Accept(), "Splice", "the client or the destination is connected by Multipath TCP");
    }

    /// <summary>A client that does not speak it gets plain TCP from the same listener, which the kernel takes.</summary>
    [RequiresMultipathFact]
    public async Task PlainClientOfAMultipathListener_IsArmed()
    {
        await using var relay = RelayFixture.CreateSockmap(nameof(SockmapForm.Exact));
        using var listener = Listen(Protocol((ProtocolType)IPPROTO_MPTCP));
        using var client = Connect(Protocol(ProtocolType.Tcp), listener);
        relay.Start(listener.Accept());
        using var server = await relay.AcceptAsync();
        await ConverseAsync(client, server, exchanges: 10);
        Assert.Equal(2, relay.ArmedDirections);
        Assert.Equal(0, relay.Metrics.Sum("splice.fallbacks"));
        await CloseAsync(client, server);
        await relay.WaitUntilIdleAsync();
    }

    private static async Task RelayAsync(RelayFixture relay, Socket client, Socket accepted, string effective, string reason)
    {
        relay.Start(accepted);
        using var server = await relay.AcceptAsync();
        await ConverseAsync(client, server, exchanges: 10);
        await ExchangeBulkAsync(client, server);
        await ConverseAsync(client, server, exchanges: 10);
        await CloseAsync(client, server);
        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.ArmedDirections);
        Assert.Equal(
            [$"Route route: mode Sockmap runs as {effective}: {reason}."],
            relay.Log.Entries.Where(static entry => entry.Id == 104).Select(static entry => entry.Text));
        Assert.Equal(1, relay.Metrics.Sum(
            "splice.fallbacks", ("splice.requested", "Sockmap"), ("splice.effective", effective), ("splice.reason", reason)));
    }

    private static async Task ConverseAsync(Socket client, Socket server, int exchanges)
    {
        for (var i = 0; i < exchanges; i++)
        {
            var message = BitConverter.GetBytes(i);
            await client.SendAllAsync(message);
            Assert.Equal(message, await server.ReceiveExactlyAsync(message.Length));
            await server.SendAllAsync(message);
            Assert.Equal(message, await client.ReceiveExactlyAsync(message.Length));
        }
    }

    private static async Task ExchangeBulkAsync(Socket client, Socket server)
    {
        var (up, down) = (SocketFlow.Payload(Bulk), SocketFlow.Payload(Bulk));
        var (receivedUp, receivedDown) = (server.ReceiveExactlyAsync(Bulk), client.ReceiveExactlyAsync(Bulk));
        await Task.WhenAll(client.SendAllAsync(up, 1024 * 1024), server.SendAllAsync(down, 1024 * 1024));
        SocketFlow.AssertSame(up, await receivedUp);
        SocketFlow.AssertSame(down, await receivedDown);
    }

    private static async Task CloseAsync(Socket client, Socket server)
    {
        client.Shutdown(SocketShutdown.Send);
        await server.AssertFinAsync();
        server.Dispose();
        await client.AssertFinAsync();
        client.Dispose();
    }

    private static Socket Listen(Socket listener)
    {
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        return listener;
    }

    private static Socket Connect(Socket client, Socket listener)
    {
        client.Connect(listener.LocalEndPoint!);
        client.NoDelay = true;
        return client;
    }

    /// <summary>The constructor of Socket does not know of Multipath TCP.</summary>
    private static Socket Protocol(ProtocolType protocol)
    {
        var descriptor = socket((int)AddressFamily.InterNetwork, (int)SocketType.Stream, (int)protocol);
        Assert.True(descriptor >= 0, $"socket(2) for protocol {protocol}: {Marshal.GetLastPInvokeErrorMessage()}");
        return new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
