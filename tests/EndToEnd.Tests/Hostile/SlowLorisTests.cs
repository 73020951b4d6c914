using System.Diagnostics;
using System.Net.Sockets;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Hostile;

/// <summary>Thousands of clients that send what is expected of them, one byte at a time and never to its end.</summary>
public sealed class SlowLorisTests(ITestOutputHelper output) : IDisposable
{
    private const int Each = 1_500;

    /// <summary>The most that a client which dribbles may cost in the process, on average over the kinds of ports.</summary>
    private const int LargestCost = 32 * 1024;

    private static readonly TimeSpan s_prereadTimeout = TimeSpan.FromSeconds(4);

    /// <summary>Kestrel's RequestHeadersTimeout.</summary>
    private static readonly TimeSpan s_headTimeout = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_pace = TimeSpan.FromSeconds(1);

    private readonly List<Dribbler> _dribblers = [];

    public void Dispose() => _dribblers.ForEach(static dribbler => dribbler.Socket.Dispose());

    [RequiresProgramFact("prlimit")]
    public async Task Dribbling_clients_are_closed_at_the_deadline_and_cost_little_while_others_are_served()
    {
        await using var site = await HostileSite.StartAsync(s_prereadTimeout);
        (Door Door, TimeSpan Timeout, byte[] Bytes)[] attacks =
        [
            (site["TLS"], s_prereadTimeout, site["TLS"].Opening),
            (site["PROXY"], s_prereadTimeout, "PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 6"u8.ToArray()),
            (site["TLS beside HTTP"], s_prereadTimeout, site["TLS"].Opening),
            (site["HTTP"], s_headTimeout, [.. "GET / HTTP/1.1\r\nHost: localhost\r\nX: "u8, .. new byte[200].Select(static _ => (byte)'x')]),
        ];
        foreach (var (door, timeout, bytes) in attacks)
        {
            _dribblers.AddRange(Enumerable.Range(0, Each).Select(_ => new Dribbler(door.Connect(), timeout, bytes)));
        }

        var largest = 0L;
        while (_dribblers.Exists(static dribbler => !dribbler.IsClosed))
        {
            var honest = site.AssertServesAsync();
            await Task.WhenAll(honest, Task.Run(() => _dribblers.ForEach(static dribbler => dribbler.Dribble())), Task.Delay(s_pace));
            largest = Math.Max(largest, site.Growth);
            Assert.True(_dribblers[0].Age < s_headTimeout + Deadline.Default, $"{_dribblers.Count(static dribbler => !dribbler.IsClosed)} are still open");
        }

        output.WriteLine($"{_dribblers.Count} dribbling clients: {largest / _dribblers.Count} bytes each at most, {site.Lines} lines in the log");
        Assert.All(_dribblers, static dribbler => Assert.True(dribbler.ClosedAfter >= 0.9 * dribbler.Timeout, $"closed after {dribbler.ClosedAfter}"));
        Assert.InRange(largest / _dribblers.Count, long.MinValue, LargestCost);
        Assert.InRange(site.Lines, 0, 60);
        await site.AssertServesAsync();
    }

    private sealed class Dribbler
    {
        private readonly long _startedAt = Stopwatch.GetTimestamp();
        private readonly byte[] _bytes;
        private readonly byte[] _heard = new byte[512];
        private int _sent;

        public Dribbler(Socket socket, TimeSpan timeout, byte[] bytes)
        {
            (Socket, Timeout, _bytes) = (socket, timeout, bytes);
            socket.Blocking = false;
        }

        public Socket Socket { get; }

        public TimeSpan Timeout { get; }

        public bool IsClosed { get; private set; }

        public TimeSpan ClosedAfter { get; private set; }

        public TimeSpan Age => Stopwatch.GetElapsedTime(_startedAt);

        /// <summary>One more byte, if the gateway still listens. What it says before it closes is not looked at.</summary>
        public void Dribble()
        {
            while (!IsClosed)
            {
                var received = Socket.Receive(_heard, SocketFlags.None, out var error);
                if (error == SocketError.WouldBlock)
                {
                    _ = Socket.Send(_bytes, _sent, 1, SocketFlags.None, out _);
                    _sent = Math.Min(_sent + 1, _bytes.Length - 1);
                    return;
                }

                if (received == 0)
                {
                    (IsClosed, ClosedAfter) = (true, Age);
                    Socket.Dispose();
                }
            }
        }
    }
}
