using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Http;

/// <summary>The gateway's static files, beside an HTTP route for everything.</summary>
public sealed class StaticFileTests : IDisposable
{
    private readonly TemporaryFolder _root = new("gateway-www");
    private readonly int _port = FreePort.Next();
    private readonly HttpClient _http;

    public StaticFileTests() => _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}"), Timeout = Deadline.Default };

    private string LogFile => _root[".access.log"];

    public void Dispose()
    {
        _http.Dispose();
        _root.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Files_come_before_the_routes_and_what_is_no_file_goes_to_them(bool sendFile)
    {
        await using var upstream = await HttpUpstream.StartAsync();
        await using var gateway = await StartAsync(upstream, new JsonObject { ["SendFile"] = sendFile });
        using var admin = await AdminClient.FindAsync(gateway);
        var hash = Write("a.bin", 3_000_000);
        Write("index.html", 100);
        Assert.Equal(hash, Hash(await _http.GetByteArrayAsync("a.bin")));
        Assert.Equal(100, (await _http.GetByteArrayAsync("/")).Length);
        foreach (var (method, path) in new[] { (HttpMethod.Get, "plain"), (HttpMethod.Post, "a.bin") })
        {
            using var response = await SendAsync(method, path);
            Assert.Equal("Hello", await response.Content.ReadAsStringAsync());
        }

        _http.Dispose();
        await Deadline.UntilAsync(
            async () => (await admin.ScrapeAsync()).Sum("transport_linux_sendfile_bytes_total") == (sendFile ? 3_000_100 : 0),
            () => "the bytes of the files were not counted");
    }

    [Fact]
    public async Task The_access_log_counts_what_the_kernel_sends()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        await using var gateway = await StartAsync(upstream, [], $"--AccessLog:Path={LogFile}", "--AccessLog:Format=Json");
        Write("a.bin", 80_000_000);
        using var request = new HttpRequestMessage(HttpMethod.Get, "a.bin");
        request.Headers.Range = new(1000, 1_000_999);
        using (var response = await _http.SendAsync(request))
        {
            Assert.Equal(1_000_000, (await response.Content.ReadAsByteArrayAsync()).Length);
        }

        using (var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 20_000 })
        {
            await client.ConnectAsync(IPAddress.Loopback, _port);
            await client.SendAsync("GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
            Assert.True(await client.ReceiveAsync(new byte[100]).WaitAsync(Deadline.Default) > 0);
            client.LingerState = new LingerOption(true, 0);
        }

        string[] lines = [];
        await Deadline.UntilAsync(
            async () => (lines = File.Exists(LogFile) ? await File.ReadAllLinesAsync(LogFile) : []).Length == 2, () => string.Join('\n', lines));
        Assert.Equal((206, 1_000_000L, "finished"), Read(lines[0]));
        var (status, bytes, end) = Read(lines[1]);
        Assert.Equal((200, "client_left"), (status, end));
        Assert.InRange(bytes, 1, 79_999_999);

        static (int Status, long Bytes, string End) Read(string line)
        {
            var fields = JsonNode.Parse(line)!;
            return ((int)fields["status"]!, (long)fields["bytes_down"]!, (string)fields["end"]!);
        }
    }

    [RequiresProgramFact("prlimit")]
    public async Task Out_of_descriptors_open_files_give_way()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        await using var gateway = await StartAsync(upstream, []);
        for (var number = 0; number < 100; number++)
        {
            Write($"{number}.txt", 1000);
        }

        // The connection is there, and what a first response loads is loaded.
        Assert.Equal(1000, (await _http.GetByteArrayAsync("0.txt")).Length);
        await gateway.LeaveDescriptorsAsync(spare: 10);
        for (var number = 0; number < 100; number++)
        {
            Assert.Equal(1000, (await _http.GetByteArrayAsync($"{number}.txt")).Length);
        }

        // Its admin endpoint is to be asked what is left.
        await gateway.SetDescriptorLimitAsync(1024);
    }

    [Fact]
    public async Task Without_a_route_the_gateway_serves_files_alone()
    {
        Write("a.txt", 10);
        await using var gateway = await Gateway.StartAsync(
            [], $"--StaticFiles:Root={_root.FullName}", "--StaticFiles:RequestPath=/files", "--urls", $"http://127.0.0.1:{_port}");
        Assert.Equal(10, (await _http.GetByteArrayAsync("files/a.txt")).Length);
        using var response = await SendAsync(HttpMethod.Get, "a.txt");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Theory]
    [InlineData("00:00:00")]
    [InlineData("01:00:00")]
    public async Task A_symbolic_link_is_the_file_that_it_leads_to(string validity)
    {
        await using var upstream = await HttpUpstream.StartAsync();
        await using var gateway = await StartAsync(upstream, new JsonObject { ["OpenFileValidity"] = validity });
        var hash = Write("a.bin", 300_000);
        Directory.CreateSymbolicLink(_root["current"], ".");
        File.CreateSymbolicLink(_root["link.bin"], "current/a.bin");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(hash, Hash(await _http.GetByteArrayAsync("link.bin")));
            Assert.Equal(hash, Hash(await _http.GetByteArrayAsync("current/a.bin")));
        }
    }

    [Fact]
    public async Task A_file_that_was_replaced_is_the_new_one_at_once()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        await using var gateway = await StartAsync(upstream, new JsonObject { ["OpenFileValidity"] = "01:00:00" });
        var path = _root["a.txt"];
        await File.WriteAllTextAsync(path, "old");
        Assert.Equal("old", await _http.GetStringAsync("a.txt"));
        await File.WriteAllTextAsync(path + ".next", "the new one");
        File.Move(path + ".next", path, overwrite: true);
        Assert.Equal("the new one", await _http.GetStringAsync("a.txt"));
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        return await _http.SendAsync(request);
    }

    private Task<Gateway> StartAsync(HttpUpstream upstream, JsonObject files, params string[] arguments)
    {
        var configuration = GatewayConfiguration.Http(
            upstream.Address, new JsonObject { ["http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{_port}") });
        files["Root"] = _root.FullName;
        files["DefaultContentType"] = "application/octet-stream";
        configuration["StaticFiles"] = files;
        return Gateway.StartAsync(configuration, arguments);
    }

    private string Write(string name, int length)
    {
        var bytes = RandomNumberGenerator.GetBytes(length);
        File.WriteAllBytes(_root[name], bytes);
        return Hash(bytes);
    }

    private static string Hash(byte[] bytes) => Convert.ToHexString(SHA256.HashData(bytes));
}
