using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>PROXY protocol headers as HAProxy, NGINX and curl write them. The client is at 127.0.0.3, which only the header can tell.</summary>
public sealed class ProxyProtocolPeerTests
{
    private const string Client = "127.0.0.3";

    [RequiresProgramTheory("haproxy", "nginx", "ngx_stream_module.so", "curl")]
    [InlineData("send-proxy")]
    [InlineData("send-proxy-v2")]
    [InlineData("send-proxy-v2 proxy-v2-options crc32c,unique-id")]
    [InlineData("nginx")]
    public async Task A_site_behind_a_proxy_sees_the_real_client(string front)
    {
        using var certificate = new CertificateFiles("site.example");
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(Site(upstream, port, certificate, "127.0.0.1"));
        await using var proxy = await StartAsync(front, port);

        Assert.Equal($"client {Client}", await CurlAsync(gateway, "--interface", Client, $"https://127.0.0.1:{proxy.Port}/client"));

        // Past the proxy: neither with a header nor without one.
        var (exitCode, _, _) = await RunCurlAsync("--interface", Client, $"https://127.0.0.1:{port}/client");
        Assert.NotEqual(0, exitCode);
        (exitCode, _, _) = await RunCurlAsync("--interface", Client, "--haproxy-protocol", $"https://127.0.0.1:{port}/client");
        Assert.NotEqual(0, exitCode);
        await gateway.Program.WaitForOutputAsync($"A connection from {Client}:");
    }

    [RequiresProgramFact("curl")]
    public async Task Curl_writes_a_header_that_is_read()
    {
        using var certificate = new CertificateFiles("site.example");
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(Site(upstream, port, certificate, "127.0.0.0/8"));
        Assert.Equal($"client {Client}", await CurlAsync(gateway, "--interface", Client, "--haproxy-protocol", $"https://127.0.0.1:{port}/client"));
    }

    [RequiresProgramTheory("haproxy", "nginx", "ngx_stream_module.so")]
    [InlineData("send-proxy", "Copy")]
    [InlineData("send-proxy-v2", "Splice")]
    [InlineData("nginx", "Auto")]
    public async Task A_TCP_route_behind_a_proxy_passes_the_real_client_on_and_the_server_may_speak_first(string front, string mode)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        var configuration = GatewayConfiguration.Tcp(mode, port, upstream.Port);
        var splice = configuration["ReverseProxy"]!["Routes"]!["tcp"]!["Splice"]!;
        splice["AcceptProxyProtocol"] = new JsonArray("127.0.0.1");
        splice["ProxyProtocol"] = "V1";
        splice["AllowedSources"] = new JsonArray(Client);
        await using var gateway = await Gateway.StartAsync(configuration);
        await using var proxy = await StartAsync(front, port);

        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Bind(new IPEndPoint(IPAddress.Parse(Client), 0));
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, proxy.Port), timeout.Token);
        using var server = await upstream.AcceptAsync(timeout.Token);
        await server.SendAsync("ready"u8.ToArray(), timeout.Token);
        var banner = new byte[5];
        await new NetworkStream(client).ReadExactlyAsync(banner, timeout.Token);
        Assert.Equal("ready"u8.ToArray(), banner);

        var expected = $"PROXY TCP4 {Client} 127.0.0.1 {((IPEndPoint)client.LocalEndPoint!).Port} {proxy.Port}\r\n";
        var header = new byte[expected.Length];
        await new NetworkStream(server).ReadExactlyAsync(header, timeout.Token);
        Assert.Equal(expected, Encoding.ASCII.GetString(header));

        // Whoever is not allowed is refused by the address in the header, not by the proxy's.
        using var other = await TcpUpstream.ConnectAsync(proxy.Port, timeout.Token);
        await gateway.Program.WaitForOutputAsync("a connection from 127.0.0.1:");
    }

    private static JsonObject Site(HttpUpstream upstream, int port, CertificateFiles certificate, string trusted)
    {
        var endpoint = GatewayConfiguration.Endpoint($"https://127.0.0.1:{port}");
        endpoint["Certificate"] = certificate.ForEndpoint();
        endpoint["AcceptProxyProtocol"] = new JsonArray(trusted);
        return GatewayConfiguration.Http(upstream.Address, new JsonObject { ["Https"] = endpoint });
    }

    private static Task<FrontProxy> StartAsync(string front, int upstreamPort) =>
        front == "nginx" ? FrontProxy.StartNginxAsync(upstreamPort) : FrontProxy.StartHaproxyAsync(upstreamPort, front);

    private static Task<(int ExitCode, string Output, string Error)> RunCurlAsync(params string[] arguments) =>
        RunningProgram.RunAsync(Programs.Require("curl"), ["-sSk", "--max-time", "30", .. arguments]);

    private static async Task<string> CurlAsync(Gateway gateway, params string[] arguments)
    {
        var (exitCode, output, error) = await RunCurlAsync(arguments);
        Assert.True(exitCode == 0, output + error + gateway.Program.Everything);
        return output.Trim();
    }
}
