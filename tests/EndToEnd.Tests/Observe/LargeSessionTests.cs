using System.Net.Sockets;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Observe;

/// <summary>Bytes beyond what 32 bits count, wherever they are shown.</summary>
public sealed class LargeSessionTests : IDisposable
{
    private const long Size = (4L << 30) + 12_345;

    private static readonly TimeSpan s_patience = 5 * Deadline.Default;

    private readonly CancellationTokenSource _timeout = new(s_patience);
    private readonly TemporaryFolder _folder = new("gateway-large");
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
        _folder.Dispose();
    }

    /// <summary>Whether the bytes are the right ones is asked elsewhere.</summary>
    [Fact]
    public async Task More_than_four_gibibytes_are_counted_exactly_by_the_admin_endpoint_the_metrics_and_the_access_log()
    {
        var log = _folder["access.log"];
        await using var gateway = await Gateway.StartAsync(
            GatewayConfiguration.Tcp("Splice", _port, _upstream.Port), $"--AccessLog:Path={log}", "--AccessLog:Format=Json");
        using var admin = await AdminClient.FindAsync(gateway);
        using (var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        using (var server = await _upstream.AcceptAsync(_timeout.Token))
        {
            // Down, so that the other direction's count shows whether they are mixed up.
            var sending = Task.Factory.StartNew(() => Send(server), TaskCreationOptions.LongRunning);
            await Task.Factory.StartNew(() => Receive(client), TaskCreationOptions.LongRunning).WaitAsync(_timeout.Token);
            await sending;
            JsonNode? session = null;
            await Deadline.UntilAsync(
                async () => (long)(session = Assert.Single((await admin.GetAsync("/api/sessions"))["sessions"]!.AsArray())!)["bytesToClient"]! >= Size,
                () => session!.ToJsonString());
            Assert.Equal((0, Size), ((long)session!["bytesToUpstream"]!, (long)session["bytesToClient"]!));
        }

        string[] lines = [];
        await Deadline.UntilAsync(async () => (lines = await File.ReadAllLinesAsync(log, _timeout.Token)).Length == 1, () => string.Join('\n', lines));
        var line = JsonNode.Parse(lines[0])!;
        Assert.Equal((0, Size), ((long)line["bytes_up"]!, (long)line["bytes_down"]!));
        var metrics = await admin.ScrapeAsync();
        Assert.Equal(Size, metrics.Sum("splice_bytes_total", ("direction", "client")));
        Assert.Equal(0, metrics.Sum("splice_bytes_total", ("direction", "upstream")));
    }

    private static void Send(Socket socket)
    {
        var block = new byte[1024 * 1024];
        for (var left = Size; left > 0;)
        {
            left -= socket.Send(block, (int)Math.Min(left, block.Length), SocketFlags.None);
        }
    }

    private static void Receive(Socket socket)
    {
        var block = new byte[1024 * 1024];
        for (var left = Size; left > 0;)
        {
            var received = socket.Receive(block);
            Assert.True(received > 0, $"the stream ended {left} bytes early");
            left -= received;
        }
    }
}
