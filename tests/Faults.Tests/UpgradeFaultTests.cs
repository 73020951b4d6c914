using Yarp.Splice;

namespace Faults.Tests;

/// <summary>Upgraded HTTP connections while any system call may fail: right bytes, or a reset; and nothing is left behind.</summary>
public class UpgradeFaultTests
{
    private const int Clients = 8;
    private const int ConnectionsOfEach = 12;

    [RequiresProgramTheory("clang-19")]
    [MemberData(nameof(Seeds.WithModes), MemberType = typeof(Seeds))]
    public async Task Upgraded_connections_end_with_the_right_bytes_or_a_reset_and_leave_nothing_behind(SpliceMode mode, ulong seed)
    {
        await using var site = await UpgradeSite.StartAsync(mode);
        Assert.True(await site.TryExchangeAsync(0));
        await site.WaitUntilIdleAsync();
        Assert.Equal(0, site.Managed);
        var before = OpenDescriptors.Of(Environment.ProcessId);
        int whole;
        using (var faults = new InjectedFaults(seed))
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => RunClientAsync(site, client * ConnectionsOfEach)));
            whole = clients.Sum();
            await site.WaitUntilIdleAsync();
            faults.EndAndAssertSome("recv", "send", "epoll_wait", "accept4");
            faults.AssertNone("splice past-verdict");
        }

        Assert.InRange(whole, 1, (Clients * ConnectionsOfEach) - 1);
        await before.WaitForNoMoreAsync(KeptDescriptors.ByKind);
        Assert.True(await site.TryExchangeAsync(1));
    }

    private static async Task<int> RunClientAsync(UpgradeSite site, int firstSeed)
    {
        var whole = 0;
        for (var i = 0; i < ConnectionsOfEach; i++)
        {
            whole += await site.TryExchangeAsync(firstSeed + i) ? 1 : 0;
        }

        return whole;
    }
}
