using Testing.Leaks;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What very many sessions leave behind. Alone, because the descriptors of other tests come and go.</summary>
[Collection(RunsAlone.Name)]
public class ShortSessionTests
{
    /// <summary>Two pipes for each of two event loops, which keep them; what is read below /proc; what nobody had needed before.</summary>
    private static readonly Dictionary<string, int> s_kept = new() { ["pipe"] = 8, ["file"] = 4, [OpenDescriptors.Assembly] = int.MaxValue / 2 };

    [Theory]
    [CombinedModes]
    public async Task ManyShortSessions_LeaveNoDescriptorBehind(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        await RunShortSessions(relay, 50);
        await relay.WaitUntilIdleAsync();
        var before = OpenDescriptors.Of(Environment.ProcessId);
        await RunShortSessions(relay, 500);
        await relay.WaitUntilIdleAsync();
        await before.WaitForNoMoreAsync(s_kept);
    }

    private static async Task RunShortSessions(RelayFixture relay, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var (client, server) = await relay.ConnectPairAsync();
            await client.SendAllAsync("ping"u8.ToArray());
            Assert.Equal("ping"u8.ToArray(), await server.ReceiveExactlyAsync(4));
            (i % 2 == 0 ? client : server).Dispose();
            await (i % 2 == 0 ? server : client).AssertFinAsync();
            (i % 2 == 0 ? server : client).Dispose();
        }
    }
}
