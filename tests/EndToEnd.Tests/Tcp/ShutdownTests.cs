using System.Net.Sockets;
using System.Text.Json.Nodes;
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
    [InlineData("Auto")]
    [InlineData("Sockmap")]
    public async Task A_transfer_in_flight_completes_and_the_exit_code_is_0(string mode)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, port, upstream.Port));
        using var session = await TcpSession.OpenAsync(port, upstream, timeout.Token);
        await session.AssertRelaysAsync(timeout.Token);
        await using var clientStream = new NetworkStream(session.Client);
        await using var serverStream = new NetworkStream(session.Server);
        var received = HashPump.ReceiveAsync(serverStream, timeout.Token);
        await HashPump.SendAsync(clientStream, Half, seed: 1, timeout.Token);

        gateway.Program.Terminate();
        await gateway.Program.WaitForOutputAsync("shutting down");
        await Deadline.UntilAsync(() => TcpSession.IsRefusedAsync(port, timeout.Token), () => $"{port} is still open.\n{gateway.Program.Everything}");
        await HashPump.SendAsync(clientStream, Half, seed: 2, timeout.Token);
        session.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal(2 * Half, (await received).Count);
        session.Server.Shutdown(SocketShutdown.Send);

        Assert.Equal(0, await gateway.Program.WaitForExitAsync());
        Assert.DoesNotContain("still open", gateway.Program.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Copy")]
    [InlineData("Splice")]
    [InlineData("Auto")]
    [InlineData("Sockmap")]
    public async Task A_session_that_never_ends_is_reset_at_the_shutdown_timeout(string mode)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, port, upstream.Port), "--ShutdownTimeout=00:00:01");
        using var session = await TcpSession.OpenAsync(port, upstream, timeout.Token);
        await session.AssertRelaysAsync(timeout.Token);

        Assert.Equal(0, await gateway.StopAsync());

        Assert.Contains("1 sessions were still open", gateway.Program.Output, StringComparison.Ordinal);
        await session.AssertIsResetAsync(timeout.Token);
    }

    [Fact]
    public async Task HTTP_and_TCP_drain_side_by_side_on_mixed_ports_too()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        await using var site = await HttpUpstream.StartAsync();
        var (http, mixed, own) = (FreePort.Next(), FreePort.Next(), FreePort.Next());
        await using var gateway = await Gateway.StartAsync(Mixed(site, upstream, http, mixed, own), "--ShutdownTimeout=01:00:00");
        using var onMixed = await TcpSession.OpenAsync(mixed, upstream, timeout.Token);
        using var onOwn = await TcpSession.OpenAsync(own, upstream, timeout.Token);
        using var client = new HttpClient { Timeout = Deadline.Default };
        // Leaves an idle connection behind, which nobody waits for.
        await client.GetStringAsync(new Uri($"http://127.0.0.1:{http}/"), timeout.Token);
        var slow = client.GetStringAsync(new Uri($"http://127.0.0.1:{http}/slow"), timeout.Token);
        await site.SlowStarted.Task.WaitAsync(timeout.Token);

        gateway.Program.Terminate();
        await gateway.Program.WaitForOutputAsync("shutting down");
        foreach (var port in new[] { http, mixed, own })
        {
            await Deadline.UntilAsync(() => TcpSession.IsRefusedAsync(port, timeout.Token), () => $"{port} is still open.\n{gateway.Program.Everything}");
        }

        foreach (var session in new[] { onMixed, onOwn })
        {
            await session.AssertRelaysAsync(timeout.Token);
            await session.FinishAsync(timeout.Token);
        }

        site.ReleaseSlow.SetResult();
        Assert.Equal("first second", await slow);
        Assert.Equal(0, await gateway.Program.WaitForExitAsync());
        Assert.DoesNotContain("still open", gateway.Program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_never_ends_does_not_keep_sessions_from_their_deadline()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        await using var site = await HttpUpstream.StartAsync();
        var (http, mixed, own) = (FreePort.Next(), FreePort.Next(), FreePort.Next());
        await using var gateway = await Gateway.StartAsync(Mixed(site, upstream, http, mixed, own), "--ShutdownTimeout=00:00:01");
        using var onMixed = await TcpSession.OpenAsync(mixed, upstream, timeout.Token);
        using var onOwn = await TcpSession.OpenAsync(own, upstream, timeout.Token);
        using var client = new HttpClient { Timeout = Deadline.Default };
        var slow = client.GetStringAsync(new Uri($"http://127.0.0.1:{http}/slow"), timeout.Token);
        await site.SlowStarted.Task.WaitAsync(timeout.Token);

        Assert.Equal(0, await gateway.StopAsync());

        Assert.Contains("2 sessions were still open", gateway.Program.Output, StringComparison.Ordinal);
        await onMixed.AssertIsResetAsync(timeout.Token);
        await onOwn.AssertIsResetAsync(timeout.Token);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => slow);
        site.ReleaseSlow.SetResult();
    }

    [Fact]
    public async Task A_second_SIGTERM_resets_what_is_open_and_ends_at_once()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        await using var site = await HttpUpstream.StartAsync();
        var (http, mixed, own) = (FreePort.Next(), FreePort.Next(), FreePort.Next());
        await using var gateway = await Gateway.StartAsync(Mixed(site, upstream, http, mixed, own), "--ShutdownTimeout=01:00:00");
        using var session = await TcpSession.OpenAsync(own, upstream, timeout.Token);
        using var client = new HttpClient { Timeout = Deadline.Default };
        var slow = client.GetStringAsync(new Uri($"http://127.0.0.1:{http}/slow"), timeout.Token);
        await site.SlowStarted.Task.WaitAsync(timeout.Token);

        gateway.Program.Terminate();
        await gateway.Program.WaitForOutputAsync("shutting down");
        gateway.Program.Terminate();

        Assert.Equal(143, await gateway.Program.WaitForExitAsync());
        Assert.Contains("1 sessions were still open", gateway.Program.Output, StringComparison.Ordinal);
        await session.AssertIsResetAsync(timeout.Token);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => slow);
        site.ReleaseSlow.SetResult();
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
        using (var session = await TcpSession.OpenAsync(port, upstream, timeout.Token))
        {
            await session.AssertRelaysAsync(timeout.Token);
            Assert.DoesNotContain("shutting down", gateway.Program.Output, StringComparison.Ordinal);
            await session.FinishAsync(timeout.Token);
        }

        Assert.Equal(0, await gateway.Program.WaitForExitAsync());
        Assert.Contains("shutting down", gateway.Program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_SIGINT_does_not_wait_for_the_shutdown_delay()
    {
        using var upstream = new TcpUpstream();
        await using var site = await HttpUpstream.StartAsync();
        await using var gateway = await Gateway.StartAsync(
            Mixed(site, upstream, FreePort.Next(), FreePort.Next(), FreePort.Next()), "--ShutdownDelay=01:00:00");

        gateway.Program.Interrupt();
        await gateway.Program.WaitForOutputAsync("Not ready any more");
        gateway.Program.Interrupt();

        Assert.Equal(130, await gateway.Program.WaitForExitAsync());
    }

    /// <summary>A site on an endpoint of Kestrel's, a TCP route on another one, and a TCP route on a port of its own.</summary>
    private static JsonObject Mixed(HttpUpstream site, TcpUpstream upstream, int http, int mixed, int own)
    {
        var configuration = GatewayConfiguration.Http(site.Address, new JsonObject
        {
            ["http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{http}"),
            ["mixed"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{mixed}"),
        });
        var routes = configuration["ReverseProxy"]!["Routes"]!;
        routes["mixed"] = GatewayConfiguration.TcpRoute("Splice", mixed, "tcp");
        routes["own"] = GatewayConfiguration.TcpRoute("Splice", own, "tcp");
        configuration["ReverseProxy"]!["Clusters"]!["tcp"] = GatewayConfiguration.Cluster($"tcp://127.0.0.1:{upstream.Port}");
        return configuration;
    }
}
