using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Observe;

/// <summary>The access log: one line for each session and each request, with the bytes that the two ends counted themselves.</summary>
public sealed class AccessLogTests : IDisposable
{
    private readonly CancellationTokenSource _timeout = new(Deadline.Default);
    private readonly TemporaryFolder _folder = new("gateway-log");
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    private string LogFile => _folder["access.log"];

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("Copy")]
    [InlineData("Splice")]
    [InlineData("Sockmap")]
    [InlineData("Auto")]
    public async Task The_byte_counts_of_a_session_equal_its_payloads(string mode)
    {
        await using var gateway = await StartAsync(GatewayConfiguration.Tcp(mode, _port, _upstream.Port), "Json");
        using (var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        using (var server = await _upstream.AcceptAsync(_timeout.Token))
        {
            await using var clientStream = new NetworkStream(client);
            await using var serverStream = new NetworkStream(server);
            var received = HashPump.ReceiveAsync(serverStream, _timeout.Token);
            await HashPump.SendAsync(clientStream, 3_000_001, seed: 1, _timeout.Token);
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal(3_000_001, (await received).Count);
            await serverStream.WriteAsync(new byte[1234], _timeout.Token);
            server.Shutdown(SocketShutdown.Send);
            Assert.Equal(1234, (await HashPump.ReceiveAsync(clientStream, _timeout.Token)).Count);
        }

        var line = Assert.Single(await ReadJsonAsync(1));
        Assert.Equal((3_000_001, 1234), (line["bytes_up"]!.GetValue<long>(), line["bytes_down"]!.GetValue<long>()));
        Assert.Equal(("tcp", "tcp", "tcp", "a"), (Text(line, "kind"), Text(line, "route"), Text(line, "cluster"), Text(line, "destination")));
        Assert.Equal((mode, "finished", "client"), (Text(line, "mode"), Text(line, "end"), Text(line, "by")));
        Assert.Equal($"127.0.0.1:{_upstream.Port}", Text(line, "address"));
        Assert.Equal($"127.0.0.1:{_port}", Text(line, "local"));
        Assert.True(line["connect_ms"]!.GetValue<double>() <= line["total_ms"]!.GetValue<double>());
    }

    [Fact]
    public async Task A_text_line_reads_like_one_and_a_session_without_a_destination_says_why()
    {
        var nobody = FreePort.Next();
        await using var gateway = await StartAsync(GatewayConfiguration.Tcp("Splice", _port, nobody), "Text");
        using (var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        {
            Assert.Equal(0, await client.ReceiveAsync(new byte[1], _timeout.Token));
        }

        var line = Assert.Single(await ReadLinesAsync(1));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z tcp 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ session=\d+ route=tcp cluster=tcp ", line);
        Assert.Contains(" end=connect_failed by=gateway failure=\"a: ", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("source_denied", "*", "127.0.0.0/8")]
    [InlineData("no_route", "example.com", "10.0.0.0/8")]
    public async Task A_refused_connection_has_a_line_with_the_address_that_it_came_to(string end, string name, string denied)
    {
        var configuration = GatewayConfiguration.Tcp("Splice", _port, _upstream.Port);
        var route = configuration["ReverseProxy"]!["Routes"]!["tcp"]!;
        route["Match"]!["Hosts"] = new JsonArray($"{name}:{_port}");
        route["Splice"]!["DeniedSources"] = new JsonArray(denied);
        await using var gateway = await StartAsync(configuration, "Json");
        using (var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        {
            await client.SendAsync("no TLS\r\n"u8.ToArray(), _timeout.Token);
        }

        var line = Assert.Single(await ReadJsonAsync(1));
        Assert.Equal((end, $"127.0.0.1:{_port}"), (Text(line, "end"), Text(line, "local")));
    }

    [Fact]
    public async Task Http_requests_are_in_the_same_stream_with_the_bytes_of_their_bodies()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        await using var gateway = await StartAsync(HttpConfiguration(upstream, port), "Json");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = Deadline.Default };
        using var upload = new ByteArrayContent(new byte[70_000]);
        using var answer = await http.PostAsync(new Uri("/upload?x=1", UriKind.Relative), upload, _timeout.Token);
        var text = await answer.Content.ReadAsStringAsync(_timeout.Token);

        var line = Assert.Single(await ReadJsonAsync(1));
        Assert.Equal(("http", "POST", "/upload?x=1", "HTTP/1.1", 200),
            (Text(line, "kind"), Text(line, "method"), Text(line, "target"), Text(line, "protocol"), line["status"]!.GetValue<int>()));
        Assert.Equal((70_000, text.Length), (line["bytes_up"]!.GetValue<long>(), line["bytes_down"]!.GetValue<long>()));
        Assert.Equal(("site", "web", "a", "finished"), (Text(line, "route"), Text(line, "cluster"), Text(line, "destination"), Text(line, "end")));
    }

    [Fact]
    public async Task A_web_socket_counts_what_goes_through_after_the_upgrade()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        await using var gateway = await StartAsync(HttpConfiguration(upstream, port), "Json");
        using (var socket = new ClientWebSocket())
        {
            await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/ws"), _timeout.Token);
            await socket.SendAsync(new byte[1000], WebSocketMessageType.Binary, true, _timeout.Token);
            Assert.Equal(1000, (await socket.ReceiveAsync(new byte[2000].AsMemory(), _timeout.Token)).Count);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, _timeout.Token);
        }

        // Frames have headers of two to eight bytes.
        var line = Assert.Single(await ReadJsonAsync(1));
        Assert.Equal(101, line["status"]!.GetValue<int>());
        Assert.InRange(line["bytes_up"]!.GetValue<long>(), 1000, 1050);
        Assert.InRange(line["bytes_down"]!.GetValue<long>(), 1000, 1050);
    }

    [Fact]
    public async Task A_relayed_web_socket_has_one_line_with_what_the_relay_moved()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        var configuration = HttpConfiguration(upstream, port);
        configuration["ReverseProxy"]!["Routes"]!["site"]!["Splice"] = new JsonObject { ["Upgrades"] = "Splice" };
        await using var gateway = await StartAsync(configuration, "Json");
        using (var socket = new ClientWebSocket())
        {
            await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/ws"), _timeout.Token);
            await socket.SendAsync(new byte[100_000], WebSocketMessageType.Binary, true, _timeout.Token);
            for (var left = 100_000; left > 0;)
            {
                left -= (await socket.ReceiveAsync(new byte[100_000].AsMemory(), _timeout.Token)).Count;
            }

            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, _timeout.Token);
        }

        await ReadLinesAsync(1);
        // What is still to come comes before the end.
        await gateway.StopAsync();
        var line = Assert.Single(await ReadJsonAsync(1));
        Assert.Equal(("http", "/ws", 101, "site", "web", "a"), (Text(line, "kind"), Text(line, "target"), line["status"]!.GetValue<int>(),
            Text(line, "route"), Text(line, "cluster"), Text(line, "destination")));
        Assert.Equal(("Splice", "finished"), (Text(line, "mode"), Text(line, "end")));
        Assert.NotNull(Text(line, "path_up"));
        // Frames have headers of two to fourteen bytes, and the server's pieces are as it reads them.
        Assert.InRange(line["bytes_up"]!.GetValue<long>(), 100_000, 100_100);
        Assert.InRange(line["bytes_down"]!.GetValue<long>(), 100_000, 101_000);
    }

    [Fact]
    public async Task A_tunnel_has_one_line_with_what_the_relay_moved()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        var configuration = HttpConfiguration(upstream, port);
        configuration["ReverseProxy"]!["Routes"]!["site"]!["Splice"] = new JsonObject { ["Connect"] = new JsonArray($"127.0.0.1:{_upstream.Port}") };
        await using var gateway = await StartAsync(configuration, "Json");
        using (var client = await TcpUpstream.ConnectAsync(port, _timeout.Token))
        {
            await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT 127.0.0.1:{_upstream.Port} HTTP/1.1\r\nHost: 127.0.0.1:{_upstream.Port}\r\n\r\n12345"), _timeout.Token);
            using var server = await _upstream.AcceptAsync(_timeout.Token);
            await using var clientStream = new NetworkStream(client);
            await using var serverStream = new NetworkStream(server);
            await serverStream.ReadExactlyAsync(new byte[5], _timeout.Token);
            await serverStream.WriteAsync(new byte[700], _timeout.Token);
            server.Shutdown(SocketShutdown.Send);
            await HashPump.ReceiveAsync(clientStream, _timeout.Token);
        }

        await ReadLinesAsync(1);
        await gateway.StopAsync();
        var line = Assert.Single(await ReadJsonAsync(1));
        Assert.Equal(("http", "CONNECT", 200), (Text(line, "kind"), Text(line, "method"), line["status"]!.GetValue<int>()));
        Assert.Equal((5, 700), (line["bytes_up"]!.GetValue<long>(), line["bytes_down"]!.GetValue<long>()));
    }

    [RequiresProgramFact("mkfifo")]
    public async Task Lines_that_a_stuck_reader_leaves_no_room_for_are_dropped_and_counted_and_nothing_else_waits()
    {
        const int Requests = 45_000;
        Assert.Equal(0, (await RunningProgram.RunAsync(Programs.Require("mkfifo"), LogFile)).ExitCode);
        // Open in both directions, so that neither end waits for the other to be opened (fifo(7)).
        await using var log = new FileStream(LogFile, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        var configuration = HttpConfiguration(upstream, port);
        var proxy = configuration["ReverseProxy"]!;
        proxy["Routes"]!["site"]!["Match"]!["Path"] = "/site";
        proxy["Routes"]!["tcp"] = GatewayConfiguration.TcpRoute("Auto", _port, "tcp");
        proxy["Clusters"]!["tcp"] = GatewayConfiguration.Cluster($"tcp://127.0.0.1:{_upstream.Port}");
        await using var gateway = await StartAsync(configuration, "Text");
        using var admin = await AdminClient.FindAsync(gateway);

        await AskForNothingAsync(port, Requests);
        using (var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        using (var server = await _upstream.AcceptAsync(_timeout.Token))
        {
            await client.SendAsync(new byte[100], _timeout.Token);
            Assert.Equal(100, await server.ReceiveAsync(new byte[200], _timeout.Token));
        }

        // Nobody has read a line yet.
        Assert.True(await DroppedAsync(admin) > 0);
        var written = 0;
        using var reader = new StreamReader(log);
        var reading = Task.Run(async () =>
        {
            while (await reader.ReadLineAsync(_timeout.Token) is not null)
            {
                Interlocked.Increment(ref written);
            }
        });
        var dropped = 0d;
        await Deadline.UntilAsync(
            async () => Volatile.Read(ref written) + (dropped = await DroppedAsync(admin)) == Requests + 1,
            () => $"{written} lines were written and {dropped} dropped, not {Requests + 1} together");
        await gateway.Program.WaitForOutputAsync("lines of the access log were dropped");

        // A read that waits cannot be called off: one more line ends it.
        await _timeout.CancelAsync();
        await log.WriteAsync("\n"u8.ToArray());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    [Theory]
    [InlineData("Text")]
    [InlineData("Json")]
    public async Task Hostile_text_stays_on_its_line_escaped(string format)
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        await using var gateway = await StartAsync(HttpConfiguration(upstream, port), format);
        using (var client = await TcpUpstream.ConnectAsync(port, _timeout.Token))
        {
            await client.SendAsync(Encoding.Latin1.GetBytes("GET /a\"b\\c%0a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), _timeout.Token);
            await using var stream = new NetworkStream(client);
            await HashPump.ReceiveAsync(stream, _timeout.Token);
        }

        var line = Assert.Single(await ReadLinesAsync(1));
        if (format == "Json")
        {
            Assert.Equal("/a\"b\\c%0a", Text(JsonNode.Parse(line)!.AsObject(), "target"));
        }
        else
        {
            Assert.Contains(""" target="/a\"b\\c%0a" """, line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_rotated_file_is_left_alone_after_a_hang_up()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        await using var gateway = await StartAsync(HttpConfiguration(upstream, port), "Json");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = Deadline.Default };
        await http.GetStringAsync(new Uri("/one", UriKind.Relative), _timeout.Token);
        await ReadLinesAsync(1);
        File.Move(LogFile, LogFile + ".1");
        gateway.Program.HangUp();
        await gateway.Program.WaitForOutputAsync("was opened anew");
        await http.GetStringAsync(new Uri("/two", UriKind.Relative), _timeout.Token);

        Assert.Equal("/two", Text(Assert.Single(await ReadJsonAsync(1)), "target"));
        Assert.Contains("/one", Assert.Single(await File.ReadAllLinesAsync(LogFile + ".1")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Standard_output_is_the_default_and_what_is_in_flight_at_the_stop_is_logged_too()
    {
        await using var gateway = await Gateway.StartAsync(
            GatewayConfiguration.Tcp("Copy", _port, _upstream.Port), "--AccessLog:Format=Json", "--ShutdownTimeout=00:00:00");
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var server = await _upstream.AcceptAsync(_timeout.Token);
        Assert.Equal(0, await gateway.StopAsync());

        var line = gateway.Program.Output.Split('\n').Single(static line => line.StartsWith('{'));
        Assert.Equal(("drain", "gateway"), (Text(JsonNode.Parse(line)!.AsObject(), "end"), Text(JsonNode.Parse(line)!.AsObject(), "by")));
    }

    private static JsonObject HttpConfiguration(HttpUpstream upstream, int port) => GatewayConfiguration.Http(
        upstream.Address, new JsonObject { ["Http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{port}") });

    private static async Task<double> DroppedAsync(AdminClient admin) => (await admin.ScrapeAsync()).Sum("gateway_access_log_dropped_total");

    /// <summary>Sends so many requests that no route takes, one after the other without waiting, and reads all the answers.</summary>
    private async Task AskForNothingAsync(int port, int requests)
    {
        using var client = await TcpUpstream.ConnectAsync(port, _timeout.Token);
        await using var stream = new NetworkStream(client);
        var sending = Task.Run(async () =>
        {
            var hundred = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 100)));
            for (var i = 0; i < requests; i += 100)
            {
                await stream.WriteAsync(hundred, _timeout.Token);
            }
        });
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        for (var answers = 0; answers < requests;)
        {
            var line = await reader.ReadLineAsync(_timeout.Token);
            Assert.NotNull(line);
            if (line.StartsWith("HTTP/1.1 ", StringComparison.Ordinal))
            {
                Assert.Equal("HTTP/1.1 404 Not Found", line);
                answers++;
            }
        }

        await sending;
    }

    private static string? Text(JsonObject line, string name) => line[name]?.GetValue<string>();

    private Task<Gateway> StartAsync(JsonObject configuration, string format)
    {
        configuration["AccessLog"] = new JsonObject { ["Format"] = format, ["Path"] = LogFile };
        return Gateway.StartAsync(configuration);
    }

    private async Task<List<JsonObject>> ReadJsonAsync(int count) =>
        [.. (await ReadLinesAsync(count)).Select(static line => JsonSerializer.Deserialize<JsonObject>(line)!)];

    private async Task<string[]> ReadLinesAsync(int count)
    {
        string[] lines = [];
        await Deadline.UntilAsync(
            async () => File.Exists(LogFile) && (lines = await File.ReadAllLinesAsync(LogFile, _timeout.Token)).Length >= count,
            () => $"{lines.Length} of {count} lines in {LogFile}");
        return lines;
    }
}
