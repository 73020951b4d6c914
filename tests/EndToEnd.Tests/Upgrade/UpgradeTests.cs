using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Upgrade;

/// <summary>What goes from one instance to the next, and what doesn't.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class UpgradeTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _timeout = new(Deadline.Default * 2);
    private UpgradeSite _site = null!;

    public async Task InitializeAsync() => _site = await UpgradeSite.CreateAsync();

    public async Task DisposeAsync()
    {
        await _site.DisposeAsync();
        _timeout.Dispose();
    }

    [Fact]
    public async Task A_port_that_the_new_configuration_lacks_is_closed_and_one_that_it_brings_is_opened()
    {
        var configuration = GatewayConfiguration.Tcp("Splice", _site.Ports["Splice"], _site.Echo.Port);
        configuration["ReverseProxy"]!["Routes"]!["old"] = GatewayConfiguration.TcpRoute("Copy", _site.Ports["Copy"], "tcp");
        await using var first = await _site.StartAsync(configuration);
        using var onRemoved = await EchoTransfer.OpenAsync(_site.Ports["Copy"], _timeout.Token);
        await onRemoved.SayAsync();

        configuration["ReverseProxy"]!["Routes"]!.AsObject().Remove("old");
        configuration["ReverseProxy"]!["Routes"]!["new"] = GatewayConfiguration.TcpRoute("Auto", _site.Ports["Auto"], "tcp");
        await using var second = await _site.StartAsync(configuration);

        Assert.Contains("Took over 1 listeners of process", second.Program.Output, StringComparison.Ordinal);
        Assert.Contains("; 1 that are not configured here are closed by it.", second.Program.Output, StringComparison.Ordinal);
        Assert.True(await TcpSession.IsRefusedAsync(_site.Ports["Copy"], _timeout.Token));
        foreach (var mode in new[] { "Splice", "Auto" })
        {
            using var session = await EchoTransfer.OpenAsync(_site.Ports[mode], _timeout.Token);
            await session.SayAsync();
            await session.FinishAsync();
        }

        await onRemoved.SayAsync();
        await onRemoved.FinishAsync();
        Assert.Equal(0, await first.Program.WaitForExitAsync());
    }

    [Fact]
    public async Task Unix_sockets_and_IPv6_are_handed_over_too()
    {
        var path = _site.Socket + ".http";
        var configuration = GatewayConfiguration.Http(_site.Site.Address, new JsonObject
        {
            ["unix"] = GatewayConfiguration.Endpoint($"http://unix:{path}"),
            ["ip6"] = GatewayConfiguration.Endpoint($"http://[::1]:{_site.HttpPort}"),
            ["any"] = GatewayConfiguration.Endpoint($"http://*:{_site.Http2Port}"),
        });
        await using var first = await _site.StartAsync(configuration);
        await using var second = await _site.StartAsync(configuration);
        Assert.Contains("Took over 3 listeners", second.Program.Output, StringComparison.Ordinal);
        Assert.Equal(0, await first.Program.WaitForExitAsync());

        using var overIp = new HttpClient { Timeout = Deadline.Default };
        Assert.Equal("Hello", await overIp.GetStringAsync(new Uri($"http://[::1]:{_site.HttpPort}/plain")));
        Assert.Equal("Hello", await overIp.GetStringAsync(new Uri($"http://127.0.0.1:{_site.Http2Port}/plain")));
        using var overUnix = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { Timeout = Deadline.Default };
        Assert.Equal("Hello", await overUnix.GetStringAsync(new Uri("http://site/plain")));
        Assert.Equal(0, await second.StopAsync());
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_client_that_has_not_said_its_server_name_yet_is_served_by_the_one_that_accepted_it()
    {
        using var certificate = new CertificateFiles("mail.example.com");
        await using var tls = await HttpUpstream.StartAsync(certificate);
        var configuration = GatewayConfiguration.Tcp("Splice", _site.Ports["Splice"], new Uri(tls.Address).Port);
        var route = configuration["ReverseProxy"]!["Routes"]!["tcp"]!;
        route["Match"]!["Hosts"] = new JsonArray($"mail.example.com:{_site.Ports["Splice"]}");
        route["Splice"]!["PrereadTimeout"] = "00:01:00";
        await using var first = await _site.StartAsync(configuration);
        using var client = await TcpUpstream.ConnectAsync(_site.Ports["Splice"], _timeout.Token);
        // It is accepted, and waited for.
        using var admin = await AdminClient.FindAsync(first);
        await Deadline.UntilAsync(
            async () => (await admin.ScrapeAsync()).Sum("transport_linux_connections_accepted_total") > 0, () => "the connection was not accepted");

        await using var second = await _site.StartAsync(configuration);
        await using (var stream = new SslStream(new NetworkStream(client, ownsSocket: true), leaveInnerStreamOpen: false, static (_, _, _, _) => true))
        {
            await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "mail.example.com" }, _timeout.Token);
            await stream.WriteAsync("GET /plain HTTP/1.1\r\nHost: mail.example.com\r\nConnection: close\r\n\r\n"u8.ToArray(), _timeout.Token);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            Assert.Contains("Hello", await reader.ReadToEndAsync(_timeout.Token), StringComparison.Ordinal);
        }

        Assert.Equal(0, await first.Program.WaitForExitAsync());
    }

    [Fact]
    public async Task A_session_that_never_ends_is_reset_at_the_drain_timeout()
    {
        using var upstream = new TcpUpstream();
        var configuration = GatewayConfiguration.Tcp("Splice", _site.Ports["Splice"], upstream.Port);
        await using var first = await _site.StartAsync(configuration, "--Upgrade:DrainTimeout=00:00:01");
        using var session = await TcpSession.OpenAsync(_site.Ports["Splice"], upstream, _timeout.Token);
        await session.AssertRelaysAsync(_timeout.Token);
        await using var second = await _site.StartAsync(configuration);

        Assert.Equal(0, await first.Program.WaitForExitAsync());
        Assert.Contains("1 sessions were still open", first.Program.Output, StringComparison.Ordinal);
        await session.AssertIsResetAsync(_timeout.Token);
        await second.Program.WaitForOutputAsync($"Process {first.Program.ProcessId}, which this one took over from, has ended.");
    }

    [Fact]
    public async Task The_admin_endpoint_tells_on_both_sides()
    {
        using var upstream = new TcpUpstream();
        var configuration = GatewayConfiguration.Tcp("Splice", _site.Ports["Splice"], upstream.Port);
        await using var first = await _site.StartAsync(configuration);
        using var session = await TcpSession.OpenAsync(_site.Ports["Splice"], upstream, _timeout.Token);
        await session.AssertRelaysAsync(_timeout.Token);
        using var before = await AdminClient.FindAsync(first);
        await using var second = await _site.StartAsync(configuration);
        using var after = await AdminClient.FindAsync(second);

        var draining = await before.GetAsync("/api/live");
        Assert.Equal("draining", (string)draining["state"]!);
        Assert.Equal(second.Program.ProcessId, (int)draining["upgrade"]!["handedOverTo"]!);
        Assert.NotNull(draining["upgrade"]!["drainingSince"]);
        Assert.Equal(1, (int)draining["sessions"]!);
        Assert.Equal(1, (await before.ScrapeAsync()).Sum("gateway_upgrade_handed_over"));
        using (var readiness = await before.SendAsync(HttpMethod.Get, "/readyz"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, readiness.StatusCode);
        }

        var serving = await after.GetAsync("/api/live");
        Assert.Equal("ready", (string)serving["state"]!);
        Assert.Equal(first.Program.ProcessId, (int)serving["upgrade"]!["tookOverFrom"]!);
        Assert.True((bool)serving["upgrade"]!["predecessorDrains"]!);
        Assert.Equal(1, (await after.ScrapeAsync()).Sum("gateway_upgrade_predecessors"));

        await session.FinishAsync(_timeout.Token);
        Assert.Equal(0, await first.Program.WaitForExitAsync());
        await Deadline.UntilAsync(
            async () => (await after.ScrapeAsync()).Sum("gateway_upgrade_predecessors") == 0, () => "the earlier instance still counts");
    }

    [Fact]
    public async Task An_admin_endpoint_at_one_address_goes_to_the_new_one()
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        using var upstream = new TcpUpstream();
        var configuration = GatewayConfiguration.Tcp("Splice", _site.Ports["Splice"], upstream.Port);
        await using var first = await _site.StartAsync(configuration, $"--Admin:Url={url}");
        using var session = await TcpSession.OpenAsync(_site.Ports["Splice"], upstream, _timeout.Token);
        await using var second = await _site.StartAsync(configuration, $"--Admin:Url={url}");
        using var admin = await AdminClient.FindAsync(second);
        Assert.Equal(new Uri(url), admin.Address);
        Assert.Equal(first.Program.ProcessId, (int)(await admin.GetAsync("/api/live"))["upgrade"]!["tookOverFrom"]!);
        using var readiness = await admin.SendAsync(HttpMethod.Get, "/readyz");
        Assert.Equal(HttpStatusCode.OK, readiness.StatusCode);
        await session.FinishAsync(_timeout.Token);
        Assert.Equal(0, await first.Program.WaitForExitAsync());
    }

    [Fact]
    public async Task SIGUSR2_starts_the_next_one_and_the_service_manager_hears_which_one_it_is()
    {
        var path = _site.Socket + ".notify";
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(path));
        await using var first = await _site.StartAsync(_site.OneRoute(), new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path });
        Assert.Equal("READY=1", await ReceiveAsync(manager));

        first.Program.SignalUser2();
        await first.Program.WaitForOutputAsync("to take over.");
        var next = int.Parse(Started().Match(first.Program.Output).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        try
        {
            Assert.Equal($"MAINPID={next}", await ReceiveAsync(manager));
            Assert.Equal("READY=1", await ReceiveAsync(manager));
            // Both write to one output.
            await first.Program.WaitForOutputAsync("which this one took over from, has ended.");
            using var session = await EchoTransfer.OpenAsync(_site.Ports["Splice"], _timeout.Token);
            await session.SayAsync();
            await session.FinishAsync();
        }
        finally
        {
            RunningProgram.Terminate(next);
        }

        Assert.Equal("STOPPING=1", await ReceiveAsync(manager));
        Assert.Equal(0, await first.Program.WaitForExitAsync());
    }

    private async Task<string> ReceiveAsync(Socket manager)
    {
        var buffer = new byte[256];
        return Encoding.UTF8.GetString(buffer, 0, await manager.ReceiveAsync(buffer, _timeout.Token));
    }

    [GeneratedRegex(@"SIGUSR2: process (\d+) is started")]
    private static partial Regex Started();
}
