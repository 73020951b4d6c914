using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>Bytes that flow both ways at once arrive as they were sent, in each mode, whatever the way does to packets.</summary>
public sealed class TransferTests
{
    private const int MiB = 1024 * 1024;

    /// <summary>Far below Ethernet's 1,500, so that what is on its way doesn't get through.</summary>
    private const int SmallMtu = 1000;

    [RequiresRoutedNetworkTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Packets_of_1500_bytes_or_of_64_kilobytes_lose_nothing(bool isSegmented)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        if (isSegmented)
        {
            await network.SegmentAsync();
        }

        await AssertArrivesAsync(network, 16 * MiB);
    }

    [RequiresRoutedNetworkTheory]
    [InlineData(10)]
    [InlineData(20)]
    public async Task Lost_packets_lose_nothing(int perThousand)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        await network.SegmentAsync();
        await network.LoseAsync(perThousand);
        await AssertArrivesAsync(network, 4 * MiB);
    }

    [RequiresRoutedNetworkTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Packets_that_overtake_others_lose_nothing(bool isSegmented)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        if (isSegmented)
        {
            await network.SegmentAsync();
        }

        await network.ReorderAsync();
        await AssertArrivesAsync(network, 4 * MiB);
    }

    [RequiresRoutedNetworkTheory]
    [InlineData("client")]
    [InlineData("gateway")]
    [InlineData("upstream")]
    public async Task Cable_that_is_out_for_three_seconds_loses_nothing(string host)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        await using var gateway = await NetworkGateway.StartAsync(network);
        using var transfers = await Transfers.StartAsync(gateway);
        await transfers.ProgressAsync(MiB);

        await network.CutAsync(network.Find(host));
        await Task.Delay(TimeSpan.FromSeconds(3));
        await network.RepairAsync(network.Find(host));

        await transfers.ProgressAsync(MiB);
        await transfers.FinishAsync();
        await AssertPathsAsync(gateway);
    }

    [RequiresRoutedNetworkTheory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Path_that_becomes_narrow_loses_nothing(bool isAnnounced, bool isSegmented)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        if (isSegmented)
        {
            await network.SegmentAsync();
        }

        // What finds a black hole: the kernel's own probing (RFC 4821), here after the first retransmissions.
        await network.SetAsync("ipv4/tcp_mtu_probing", isAnnounced ? "0" : "1");
        await using var gateway = await NetworkGateway.StartAsync(network);
        using var transfers = await Transfers.StartAsync(gateway);
        await transfers.ProgressAsync(MiB);

        await network.SetPathMtuAsync(SmallMtu, isAnnounced);

        await transfers.ProgressAsync(4 * MiB);
        await transfers.FinishAsync();
        await AssertPathsAsync(gateway);
    }

    private static async Task AssertArrivesAsync(RoutedNetwork network, long bytes)
    {
        await using var gateway = await NetworkGateway.StartAsync(network);
        using var transfers = await Transfers.StartAsync(gateway);
        await transfers.ProgressAsync(bytes);
        await transfers.FinishAsync();
        await AssertPathsAsync(gateway);
    }

    /// <summary>It was the mode itself that was tested, not what it falls back to.</summary>
    private static async Task AssertPathsAsync(NetworkGateway gateway)
    {
        foreach (var line in await gateway.ReadAccessLogAsync())
        {
            var mode = line["mode"]!.GetValue<string>();
            Assert.Equal((mode, mode), (line["path_up"]!.GetValue<string>(), line["path_down"]!.GetValue<string>()));
        }
    }
}
