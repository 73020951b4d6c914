using System.Net.Sockets;
using Yarp.Splice;
using Yarp.Splice.Tests.Relay;

namespace Faults.Tests;

/// <summary>Sessions while any system call of theirs may fail: right bytes, or a reset; and nothing is left behind.</summary>
public class RelayFaultTests
{
    private const int Clients = 16;
    private const int SessionsOfEach = 12;

    // The most that are in use at once: a pipe for each direction. The product keeps those that were.
    private const int MostPipeEnds = Clients * 2 * 2;

    [RequiresProgramTheory("clang-19")]
    [MemberData(nameof(Seeds.WithModes), MemberType = typeof(Seeds))]
    public async Task Sessions_end_with_the_right_bytes_or_a_reset_and_leave_nothing_behind(SpliceMode mode, ulong seed)
    {
        await using var relay = RelayFixture.Create(mode);
        using var stop = new CancellationTokenSource();
        var serving = Exchange.ServeAllAsync(relay.Upstream, Exchange.ServeAsync, stop.Token);
        using (var first = await relay.ConnectAsync())
        {
            Assert.True(await Exchange.RunAsync(first, 0));
        }

        await relay.WaitUntilIdleAsync();
        var before = OpenDescriptors.Of(Environment.ProcessId);
        int whole;
        using (var faults = new InjectedFaults(seed))
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => RunClientAsync(relay, client * SessionsOfEach)));
            whole = clients.Sum();
            await relay.WaitUntilIdleAsync();
            faults.EndAndAssertSome("recv EAGAIN", "send short", "recv short", "epoll_wait short", "socket", "connect", "accept4");
            faults.AssertNone("splice past-verdict");
        }

        Assert.InRange(whole, 1, (Clients * SessionsOfEach) - 1);
        await before.WaitForNoMoreAsync(new Dictionary<string, int>(KeptDescriptors.ByKind) { ["pipe"] = MostPipeEnds });
        using (var last = await relay.ConnectAsync())
        {
            Assert.True(await Exchange.RunAsync(last, 1));
        }

        await stop.CancelAsync();
        await serving;
    }

    private static async Task<int> RunClientAsync(RelayFixture relay, int firstSeed)
    {
        var whole = 0;
        for (var i = 0; i < SessionsOfEach; i++)
        {
            try
            {
                using var client = await relay.ConnectAsync();
                whole += await Exchange.RunAsync(client, firstSeed + i) ? 1 : 0;
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
                // Before the client could say a word.
            }
        }

        return whole;
    }
}
