using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Http;

/// <summary>HTTP routes through YARP on the transport, with the clients that people use.</summary>
public sealed partial class HttpRouteTests : IAsyncLifetime
{
    private readonly int _port = FreePort.Next();
    private readonly int _http2Port = FreePort.Next();
    private readonly int _httpsPort = FreePort.Next();
    private readonly TemporaryFolder _folder = new("gateway-tls");
    private HttpUpstream _upstream = null!;
    private Gateway _gateway = null!;

    public async Task InitializeAsync()
    {
        var certificate = _folder["certificate.pfx"];
        await File.WriteAllBytesAsync(certificate, MakeCertificate());
        _upstream = await HttpUpstream.StartAsync();
        var https = GatewayConfiguration.Endpoint($"https://127.0.0.1:{_httpsPort}", "Http1AndHttp2");
        https["Certificate"] = new JsonObject { ["Path"] = certificate };
        var configuration = GatewayConfiguration.Http(_upstream.Address, new JsonObject
        {
            ["Http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{_port}"),
            ["Http2"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{_http2Port}", "Http2"),
            ["Https"] = https,
        });
        configuration["ReverseProxy"]!["Routes"]!["site"]!["MaxRequestBodySize"] = -1;
        _gateway = await Gateway.StartAsync(configuration);
    }

    public async Task DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [RequiresProgramFact("wrk")]
    public async Task Wrk_runs_without_an_error()
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync(
            Programs.Require("wrk"), "-t1", "-c32", "-d3s", $"http://127.0.0.1:{_port}/plain");

        Assert.True(exitCode == 0, output + error);
        Assert.DoesNotContain("Socket errors", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Non-2xx", output, StringComparison.Ordinal);
        Assert.True(int.Parse(WrkRequests().Match(output).Groups[1].Value) > 0, output);
    }

    [RequiresProgramTheory("h2load")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task H2load_runs_without_an_error(bool isHttps)
    {
        var url = isHttps ? $"https://127.0.0.1:{_httpsPort}/plain" : $"http://127.0.0.1:{_http2Port}/plain";

        var (exitCode, output, error) = await RunningProgram.RunAsync(Programs.Require("h2load"), "-n", "5000", "-c", "10", "-m", "10", url);

        Assert.True(exitCode == 0, output + error);
        Assert.Contains("5000 succeeded, 0 failed, 0 errored, 0 timeout", output, StringComparison.Ordinal);
        Assert.Contains("5000 2xx", output, StringComparison.Ordinal);
    }

    [RequiresProgramFact("curl")]
    public async Task Curl_gets_an_answer_over_https_with_http2()
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync(Programs.Require("curl"), "--silent", "--show-error", "--insecure", "--http2",
            "--max-time", "30", "--write-out", " %{http_version} %{response_code}", $"https://127.0.0.1:{_httpsPort}/plain");

        Assert.True(exitCode == 0, output + error);
        Assert.Equal("Hello 2 200", output.Trim());
    }

    [Fact]
    public async Task A_web_socket_echoes()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{_port}/ws"), timeout.Token);
        var message = RandomNumberGenerator.GetBytes(32 * 1024);

        await socket.SendAsync(message.AsMemory(), WebSocketMessageType.Binary, endOfMessage: true, timeout.Token);
        var echo = new MemoryStream();
        var buffer = new byte[8192];
        ValueWebSocketReceiveResult result;
        do
        {
            result = await socket.ReceiveAsync(buffer.AsMemory(), timeout.Token);
            echo.Write(buffer, 0, result.Count);
        }
        while (!result.EndOfMessage);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, timeout.Token);

        Assert.Equal(message, echo.ToArray());
    }

    [Fact]
    public async Task An_upload_arrives_unchanged()
    {
        var body = new byte[HttpUpstream.DownloadSize];
        new Random(3).NextBytes(body);
        using var client = new HttpClient { Timeout = Deadline.Default };

        using var response = await client.PostAsync(new Uri($"http://127.0.0.1:{_port}/upload"), new ByteArrayContent(body));

        Assert.Equal(Convert.ToHexString(SHA256.HashData(body)), await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_download_arrives_unchanged()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var client = new HttpClient();
        var expected = await HashPump.SendAsync(Stream.Null, HttpUpstream.DownloadSize, seed: 1, timeout.Token);

        await using var body = await client.GetStreamAsync(new Uri($"http://127.0.0.1:{_port}/download"), timeout.Token);

        Assert.Equal((HttpUpstream.DownloadSize, expected), await HashPump.ReceiveAsync(body, timeout.Token));
    }

    [Fact]
    public async Task Sigterm_lets_a_response_in_flight_complete()
    {
        using var client = new HttpClient { Timeout = Deadline.Default };
        var request = client.GetStringAsync(new Uri($"http://127.0.0.1:{_port}/slow"));
        await _upstream.SlowStarted.Task.WaitAsync(Deadline.Default);

        _gateway.Program.Terminate();
        await _gateway.Program.WaitForOutputAsync("shutting down");
        _upstream.ReleaseSlow.SetResult();

        Assert.Equal("first second", await request);
        Assert.Equal(0, await _gateway.Program.WaitForExitAsync());
    }

    [Fact]
    public async Task Ctrl_C_stops_it_with_exit_code_0()
    {
        _gateway.Program.Interrupt();

        Assert.Equal(0, await _gateway.Program.WaitForExitAsync());
    }

    private static byte[] MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return certificate.Export(X509ContentType.Pfx);
    }

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex WrkRequests();
}
