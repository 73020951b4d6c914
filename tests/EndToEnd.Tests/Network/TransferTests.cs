using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>Bytes that flow both ways at once arrive as they were sent, in each mode, whatever the way does to packets.</summary>
public sealed class TransferTests
{
    private const int MiB = 1024 * 1024;

    /// <summary>Far below Ethernet's 1,500, so that what is on its way doesn't get through.</summary>
    private const int SmallMtu = 1200;

    [RequiresRoutedNetworkTheory]
    [InlineData("64 KiB at once")]
    [InlineData("Ethernet")]
    [InlineData("loss")]
    [InlineData("reordering")]
    public async Task Way_of_any_kind_loses_nothing(string kind)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        if (kind != "64 KiB at once")
        {
            await network.BecomeEthernetAsync();
        }

        await (kind switch
        {
            "loss" => network.LoseAsync(perThousand: 15),
            "reordering" => network.ReorderAsync(),
            _ => Task.CompletedTask,
        });
        await using var gateway = await NetworkGateway.StartAsync(network);
        using var transfers = await Transfers.StartAsync(gateway);

        await transfers.ProgressAsync(8 * MiB);

        await transfers.FinishAsync();
        await AssertPathsAsync(gateway);
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
    public async Task Path_that_becomes_narrow_loses_nothing(bool isAnnounced, bool isEthernet)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        if (isEthernet)
        {
            await network.BecomeEthernetAsync();
        }

        if (!isAnnounced)
        {
            // What finds a black hole: the kernel's own probing (RFC 4821), here after two retransmissions.
            await network.SetAsync("ipv4/tcp_mtu_probing", "1");
            await network.SetAsync("ipv4/tcp_retries1", "1");
        }

        await using var gateway = await NetworkGateway.StartAsync(network);
        using var transfers = await Transfers.StartAsync(gateway);
        await transfers.ProgressAsync(MiB);

        await network.SetPathMtuAsync(SmallMtu, isAnnounced);

        await transfers.ProgressAsync(4 * MiB);
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
