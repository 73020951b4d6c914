using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>SIGTERM while bytes are on their way.</summary>
public sealed class ShutdownTests
{
    private const long Half = 32L * 1024 * 1024;

    [Theory]
    [InlineData("Copy")]
    [InlineData("Splice")]
    public async Task A_transfer_in_flight_completes_and_the_exit_code_is_0(string mode)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, port, upstream.Port));
        using var client = await TcpUpstream.ConnectAsync(port, timeout.Token);
        using var server = await upstream.AcceptAsync(timeout.Token);
        await using var clientStream = new NetworkStream(client);
        await using var serverStream = new NetworkStream(server);
        var received = HashPump.ReceiveAsync(serverStream, timeout.Token);
        await HashPump.SendAsync(clientStream, Half, seed: 1, timeout.Token);

        gateway.Program.Terminate();
        await gateway.Program.WaitForOutputAsync("shutting down");
        await HashPump.SendAsync(clientStream, Half, seed: 2, timeout.Token);
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(2 * Half, (await received).Count);
        server.Shutdown(SocketShutdown.Send);

        Assert.Equal(0, await gateway.Program.WaitForExitAsync());
    }

    [Fact]
    public async Task A_session_that_never_ends_is_cut_at_the_shutdown_timeout()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Splice", port, upstream.Port), "--ShutdownTimeout=00:00:01");
        using var client = await TcpUpstream.ConnectAsync(port, timeout.Token);
        using var server = await upstream.AcceptAsync(timeout.Token);

        Assert.Equal(0, await gateway.StopAsync());
    }

    [Fact]
    public async Task A_second_SIGTERM_resets_what_is_open_and_ends_at_once()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Splice", port, upstream.Port), "--ShutdownTimeout=01:00:00");
        using var client = await TcpUpstream.ConnectAsync(port, timeout.Token);
        using var server = await upstream.AcceptAsync(timeout.Token);

        gateway.Program.Terminate();
        await gateway.Program.WaitForOutputAsync("shutting down");
        gateway.Program.Terminate();

        Assert.Equal(143, await gateway.Program.WaitForExitAsync());
        Assert.Contains("1 sessions had not ended", gateway.Program.Output, StringComparison.Ordinal);
        await AssertResetAsync(client, timeout.Token);
        await AssertResetAsync(server, timeout.Token);
    }

    [Fact]
    public async Task Until_the_shutdown_delay_has_passed_connections_are_served()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Splice", port, upstream.Port), "--ShutdownDelay=00:00:05");

        gateway.Program.Terminate();
        await gateway.Program.WaitForOutputAsync("Not ready any more");
        using (await TcpUpstream.ConnectAsync(port, timeout.Token))
        {
            using var server = await upstream.AcceptAsync(timeout.Token);
            Assert.DoesNotContain("shutting down", gateway.Program.Output, StringComparison.Ordinal);
        }

        Assert.Equal(0, await gateway.Program.WaitForExitAsync());
        Assert.Contains("shutting down", gateway.Program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_SIGINT_does_not_wait_for_the_shutdown_delay()
    {
        using var upstream = new TcpUpstream();
        await using var gateway = await Gateway.StartAsync(
            GatewayConfiguration.Tcp("Splice", FreePort.Next(), upstream.Port), "--ShutdownDelay=01:00:00");

        gateway.Program.Interrupt();
        await gateway.Program.WaitForOutputAsync("Not ready any more");
        gateway.Program.Interrupt();

        Assert.Equal(130, await gateway.Program.WaitForExitAsync());
    }

    private static async Task AssertResetAsync(Socket socket, CancellationToken cancellationToken)
    {
        var exception = await Assert.ThrowsAsync<SocketException>(async () => await socket.ReceiveAsync(new byte[1], cancellationToken));
        Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
    }
}
