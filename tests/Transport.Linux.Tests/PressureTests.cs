using System.Net;
using System.Net.Sockets;
using Xunit.Abstractions;

namespace Transport.Linux.Tests;

/// <summary>A process that runs out of descriptors, or holds very many connections.</summary>
[Collection(RunsAlone.Name)]
public class PressureTests(ITestOutputHelper output)
{
    private const string PausedText = "is paused: 350 of 400 descriptors (RLIMIT_NOFILE) are in use";
    private const string ResponseStart = "HTTP/1.1 200 OK";

    [RequiresProgramFact("prlimit")]
    public async Task Descriptors_AllInUse_AcceptPausesLogsOnceRecoversAndDoesNotSpin()
    {
        const int Limit = 400;
        await using var app = await PlainApp.StartAsync(["prlimit", $"--nofile={Limit}:{Limit}"]);
        using var established = await ConnectAsync(app.EndPoint);
        Assert.StartsWith(ResponseStart, await RequestAsync(established), StringComparison.Ordinal);
        var descriptors = app.DescriptorCount;
        for (var shortage = 1; shortage <= 2; shortage++)
        {
            using (var flood = await ClientSet.ConnectAsync(app.EndPoint, Limit))
            {
                await Deadline.UntilAsync(
                    () => Task.FromResult(app.CountInOutput(PausedText) == shortage),
                    () => $"{shortage} messages expected in:\n{app.Program.Everything}");

                // Every place that becomes free is taken by a connection that waits: still the same shortage.
                foreach (var client in flood.Sockets.Take(8))
                {
                    client.Dispose();
                    await Task.Delay(50);
                }

                var before = app.ProcessorTime;
                await Task.Delay(2000);
                var used = app.ProcessorTime - before;
                output.WriteLine($"processor time in 2 s without descriptors: {used.TotalMilliseconds} ms");
                // A loop that spins takes all of these 2 s.
                Assert.InRange(used, TimeSpan.Zero, TimeSpan.FromSeconds(0.5));
                Assert.Equal(shortage, app.CountInOutput(PausedText));
                Assert.StartsWith(ResponseStart, await RequestAsync(established), StringComparison.Ordinal);
            }

            using var client2 = new HttpClient { Timeout = Deadline.Default };
            Assert.Equal("Hello from the event loop", await client2.GetStringAsync(app.Address));

            // The shortage is over when every loop has found its queue empty, which each looks for ten times a second.
            await Deadline.UntilAsync(() => Task.FromResult(app.DescriptorCount <= descriptors + 2), () => $"{app.DescriptorCount} descriptors");
            await Task.Delay(1000);
        }
    }

    [Fact]
    public async Task Connections_TenThousandThatSendNothing_CostFewThreadsAndNoProcessorTime()
    {
        const int Count = 10_000;
        await using var app = await PlainApp.StartAsync();
        using var client = new HttpClient { Timeout = Deadline.Default };
        await client.GetStringAsync(app.Address);
        var descriptors = app.DescriptorCount;
        var memory = app.ResidentBytes;
        using (await ClientSet.ConnectAsync(app.EndPoint, Count))
        {
            await Deadline.UntilAsync(
                () => Task.FromResult(app.DescriptorCount >= descriptors + Count), () => $"{app.DescriptorCount} descriptors");
            Assert.Equal("Hello from the event loop", await client.GetStringAsync(app.Address));
            output.WriteLine($"{(app.ResidentBytes - memory) / Count} bytes of resident memory for each idle connection, {app.ThreadCount} threads");
            Assert.InRange(app.ThreadCount, 1, 40);
            Assert.InRange((app.ResidentBytes - memory) / Count, 0, 16 * 1024);

            // Kestrel's heartbeat visits each connection once a second; nothing else may move.
            var before = app.ProcessorTime;
            await Task.Delay(2000);
            var used = app.ProcessorTime - before;
            output.WriteLine($"processor time in 2 s: {used.TotalMilliseconds} ms");
            Assert.InRange(used, TimeSpan.Zero, TimeSpan.FromSeconds(0.5));
        }

        await Deadline.UntilAsync(
            () => Task.FromResult(app.DescriptorCount <= descriptors + 2), () => $"{app.DescriptorCount} descriptors, {descriptors} before");
        Assert.Equal("Hello from the event loop", await client.GetStringAsync(app.Address));
        Assert.DoesNotContain("warn:", app.Program.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("fail:", app.Program.Output, StringComparison.Ordinal);
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint endPoint)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(endPoint).WaitAsync(Deadline.Default);
        return socket;
    }

    private static async Task<string> RequestAsync(Socket socket)
    {
        await socket.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
        var buffer = new byte[4096];
        var received = 0;
        do
        {
            received += await socket.ReceiveAsync(buffer.AsMemory(received)).AsTask().WaitAsync(Deadline.Default);
        }
        while (!buffer.AsSpan(0, received).EndsWith("\r\n0\r\n\r\n"u8));
        return System.Text.Encoding.ASCII.GetString(buffer, 0, received);
    }
}
