using System.Net.Sockets;
using System.Text;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>What a TCP route must do to the bytes and to the ends of a connection, in every mode.</summary>
public sealed class RelayTests : IDisposable
{
    private const long TransferSize = 256L * 1024 * 1024;

    private readonly CancellationTokenSource _timeout = new(Deadline.Default);
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public static TheoryData<string> Modes => ["Copy", "Splice", "Sockmap", "Auto"];

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_large_transfer_arrives_unchanged_in_both_directions_at_once(string mode)
    {
        await using var gateway = await StartAsync(mode);
        var (client, server) = await ConnectPairAsync();
        await using var clientStream = new NetworkStream(client, ownsSocket: true);
        await using var serverStream = new NetworkStream(server, ownsSocket: true);

        var up = SendAndFinishAsync(client, clientStream, seed: 1);
        var down = SendAndFinishAsync(server, serverStream, seed: 2);
        var received = await Task.WhenAll(
            HashPump.ReceiveAsync(serverStream, _timeout.Token), HashPump.ReceiveAsync(clientStream, _timeout.Token));

        Assert.Equal((TransferSize, await up), received[0]);
        Assert.Equal((TransferSize, await down), received[1]);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_client_that_has_finished_still_receives_the_answer(string mode)
    {
        await using var gateway = await StartAsync(mode);
        var (client, server) = await ConnectPairAsync();
        await HalfCloseAsync(client, server);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_server_that_has_finished_still_receives_from_the_client(string mode)
    {
        await using var gateway = await StartAsync(mode);
        var (client, server) = await ConnectPairAsync();
        await HalfCloseAsync(server, client);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_reset_by_the_client_reaches_the_server(string mode)
    {
        await using var gateway = await StartAsync(mode);
        var (client, server) = await ConnectPairAsync();
        await ResetAsync(client, server);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_reset_by_the_server_reaches_the_client(string mode)
    {
        await using var gateway = await StartAsync(mode);
        var (client, server) = await ConnectPairAsync();
        await ResetAsync(server, client);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_server_may_speak_first(string mode)
    {
        await using var gateway = await StartAsync(mode);
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var server = await _upstream.AcceptAsync(_timeout.Token);

        await server.SendAsync("220 ready\r\n"u8.ToArray(), _timeout.Token);

        Assert.Equal("220 ready\r\n", await ReadAsync(client, "220 ready\r\n".Length));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_client_is_closed_quickly_if_no_upstream_listens(string mode)
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, _port, upstreamPort: FreePort.Next()));
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var quickly = new CancellationTokenSource(TimeSpan.FromSeconds(10));

        int count;
        try
        {
            count = await client.ReceiveAsync(new byte[1], quickly.Token);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            count = 0;
        }

        Assert.Equal(0, count);
    }

    private static async Task<string> SendAndFinishAsync(Socket socket, NetworkStream stream, int seed)
    {
        var hash = await HashPump.SendAsync(stream, TransferSize, seed, CancellationToken.None);
        socket.Shutdown(SocketShutdown.Send);
        return hash;
    }

    private Task<Gateway> StartAsync(string mode) => Gateway.StartAsync(GatewayConfiguration.Tcp(mode, _port, _upstream.Port));

    private async Task<(Socket Client, Socket Server)> ConnectPairAsync()
    {
        var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        var server = await _upstream.AcceptAsync(_timeout.Token);
        // One exchange, so that what follows meets an established relay.
        await client.SendAsync("ping"u8.ToArray(), _timeout.Token);
        Assert.Equal("ping", await ReadAsync(server, 4));
        await server.SendAsync("pong"u8.ToArray(), _timeout.Token);
        Assert.Equal("pong", await ReadAsync(client, 4));
        return (client, server);
    }

    private async Task HalfCloseAsync(Socket first, Socket second)
    {
        using (first)
        using (second)
        {
            await first.SendAsync("question"u8.ToArray(), _timeout.Token);
            first.Shutdown(SocketShutdown.Send);
            Assert.Equal("question", await ReadAsync(second, 8));
            Assert.Equal(0, await second.ReceiveAsync(new byte[1], _timeout.Token));

            await second.SendAsync("answer"u8.ToArray(), _timeout.Token);
            second.Shutdown(SocketShutdown.Send);
            Assert.Equal("answer", await ReadAsync(first, 6));
            Assert.Equal(0, await first.ReceiveAsync(new byte[1], _timeout.Token));
        }
    }

    private async Task ResetAsync(Socket from, Socket to)
    {
        using (to)
        {
            from.LingerState = new LingerOption(true, 0);
            from.Dispose();

            var exception = await Assert.ThrowsAsync<SocketException>(async () => await to.ReceiveAsync(new byte[1], _timeout.Token));
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
        }
    }

    private async Task<string> ReadAsync(Socket socket, int count)
    {
        var buffer = new byte[count];
        for (var filled = 0; filled < count;)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(filled), _timeout.Token);
            Assert.NotEqual(0, received);
            filled += received;
        }

        return Encoding.ASCII.GetString(buffer);
    }
}
