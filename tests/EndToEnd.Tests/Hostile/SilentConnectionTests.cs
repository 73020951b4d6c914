using System.Net;
using System.Net.Sockets;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Hostile;

/// <summary>Clients that connect and say nothing, where something has to come first.</summary>
public sealed class SilentConnectionTests(ITestOutputHelper output)
{
    private const int Total = 100_000;
    private const int Wave = 8_000;
    private const int LargestCost = 32 * 1024;

    private static readonly TimeSpan s_prereadTimeout = TimeSpan.FromSeconds(1);

    [RequiresProgramFact("prlimit")]
    public async Task A_hundred_thousand_silent_clients_are_closed_and_cost_little_while_others_are_served()
    {
        await using var site = await HostileSite.StartAsync(s_prereadTimeout);
        var descriptors = site.Gateway.DescriptorCount;
        var (largest, doors) = (0L, new[] { site["TLS"], site["PROXY"], site["TLS beside HTTP"] });
        for (var (done, wave) = (0, 0); done < Total; done += Wave, wave++)
        {
            // Ports are counted by address: each wave has its own.
            var source = new IPAddress([127, 0, 1, (byte)(wave + 1)]);
            var sockets = await Task.Run(() => ConnectAll(doors[wave % doors.Length], source, Math.Min(Wave, Total - done)));
            try
            {
                largest = Math.Max(largest, site.Growth);
                await site["Auto"].AssertServedAsync();
                await site["HTTP"].AssertServedAsync();
                await Deadline.UntilAsync(() => Task.FromResult(sockets.TrueForAll(IsClosed)), static () => "silent clients are not closed");
            }
            finally
            {
                sockets.ForEach(static socket => socket.Dispose());
            }
        }

        output.WriteLine($"{Total} silent clients, {Wave} at once: {largest / Wave} bytes each at most, {site.Lines} lines in the log");
        Assert.InRange(largest / Wave, long.MinValue, LargestCost);
        Assert.InRange(site.Lines, 0, 100);
        await site.AssertServesAsync();
        await Deadline.UntilAsync(
            () => Task.FromResult(site.Gateway.DescriptorCount <= descriptors + 40), () => $"{site.Gateway.DescriptorCount} descriptors, {descriptors} before");
    }

    /// <summary>More of them than the gateway has descriptors: the others wait in the queue, behind them honest clients, until the deadline makes room.</summary>
    [RequiresProgramFact("prlimit")]
    public async Task Silent_clients_that_take_all_descriptors_are_gone_after_the_deadline()
    {
        const int Descriptors = 1_500;
        await using var site = await HostileSite.StartAsync(s_prereadTimeout, Descriptors);
        var sockets = await Task.Run(() => ConnectAll(site["TLS"], IPAddress.Loopback, Descriptors));
        try
        {
            await site.AssertServesAsync();
        }
        finally
        {
            sockets.ForEach(static socket => socket.Dispose());
        }

        Assert.False(site.Gateway.Program.HasExited);
        Assert.InRange(site.Lines, 0, 30);
    }

    private static List<Socket> ConnectAll(Door door, IPAddress source, int count)
    {
        var sockets = new List<Socket>(count);
        for (var i = 0; i < count; i++)
        {
            sockets.Add(door.Connect(source));
        }

        return sockets;
    }

    private static bool IsClosed(Socket socket) => socket.Poll(0, SelectMode.SelectRead);
}
