using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Hostile;

/// <summary>Clients that connect and are gone: with RST or FIN, before they were accepted, in the middle of what they had to say, or after it.</summary>
public sealed class ResetStormTests(ITestOutputHelper output)
{
    private const int Each = 4_000;
    private const int AtOnce = 32;
    private const long LargestGrowth = 256 * 1024 * 1024;

    [RequiresProgramFact("prlimit")]
    public async Task Storm_of_resets_and_scans_on_every_kind_of_port_leaves_nothing_behind()
    {
        await using var site = await HostileSite.StartAsync(TimeSpan.FromSeconds(5));
        using var admin = await AdminClient.FindAsync(site.Gateway);
        var descriptors = site.Gateway.DescriptorCount;
        var largest = 0L;
        foreach (var door in site.Doors)
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, Each), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, (seed, _) =>
            {
                Visit(door, new Random(seed));
                return ValueTask.CompletedTask;
            });
            largest = Math.Max(largest, site.Growth);
            await door.AssertServedAsync();
        }

        await site.AssertServesAsync();
        // What the relay keeps for later: idle pipes, as in ConnectionStormTests.
        var kept = (2 * 128 * Environment.ProcessorCount) + 100;
        await Deadline.UntilAsync(
            () => Task.FromResult(site.Gateway.DescriptorCount <= descriptors + kept), () => $"{site.Gateway.DescriptorCount} descriptors, {descriptors} before");
        await Deadline.UntilAsync(
            async () => (int)(await admin.GetAsync("/api/sessions"))["total"]! == 0, static () => "sessions are left");
        output.WriteLine($"{site.Doors.Count * Each} visits: {largest / 1024 / 1024} MiB more at most, {site.Lines} lines in the log");
        Assert.InRange(largest, long.MinValue, LargestGrowth);
        Assert.InRange(site.Lines, 0, 100);
    }

    private static void Visit(Door door, Random random)
    {
        Socket socket;
        try
        {
            socket = door.Connect();
        }
        catch (SocketException)
        {
            // A full queue, or a port that this side has used up: others come.
            return;
        }

        using (socket)
        {
            try
            {
                if (random.Next(3) > 0)
                {
                    _ = socket.Send(door.Opening.AsSpan(0, random.Next(door.Opening.Length + 1)));
                }

                if (random.Next(4) == 0)
                {
                    Thread.Yield();
                }

                if (random.Next(8) == 0)
                {
                    // Until it is answered, or has been turned away.
                    socket.ReceiveTimeout = 20;
                    _ = socket.Receive(new byte[16]);
                }
            }
            catch (SocketException)
            {
                // The gateway was faster.
            }

            if (random.Next(4) > 0)
            {
                socket.LingerState = new LingerOption(enable: true, 0);
            }
        }
    }
}
