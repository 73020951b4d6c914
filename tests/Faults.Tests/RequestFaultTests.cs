using Microsoft.AspNetCore.Server.Kestrel.Core;
using Transport.Linux.Tests;

namespace Faults.Tests;

/// <summary>HTTP requests to Kestrel on the transport while any system call may fail: the right answer, or none; and nothing is left behind.</summary>
public class RequestFaultTests
{
    private const int Clients = 8;

    public static TheoryData<string, HttpProtocols, bool, ulong> WaysAndSeeds()
    {
        var data = new TheoryData<string, HttpProtocols, bool, ulong>();
        foreach (var seed in Seeds.All)
        {
            data.Add("http", HttpProtocols.Http1, false, seed);
            data.Add("http", HttpProtocols.Http1, true, seed);
            data.Add("http", HttpProtocols.Http2, false, seed);
            data.Add("https", HttpProtocols.Http1, false, seed);
            data.Add("https", HttpProtocols.Http2, true, seed);
        }

        return data;
    }

    [RequiresProgramTheory("clang-19")]
    [MemberData(nameof(WaysAndSeeds))]
    public async Task Requests_get_the_right_answer_or_none_and_leave_nothing_behind(string scheme, HttpProtocols protocol, bool withoutCopy, ulong seed)
    {
        var before = OpenDescriptors.Of(Environment.ProcessId);
        var pool = new CountingMemoryPool();
        // Files go by sendfile(2) where nothing frames or encrypts them.
        string[] expectedFaults = scheme == "http" && protocol == HttpProtocols.Http1 ? ["recv EAGAIN", "send", "sendfile short"] : ["recv EAGAIN", "send"];
        int answered;
        await using (var site = await RequestSite.StartAsync(pool, scheme, protocol, withoutCopy))
        {
            Assert.Equal(RequestSite.RequestsOfEach, await site.RunClientAsync(0));
            using (var faults = new InjectedFaults(seed))
            {
                var sendsBefore = site.SendsWithoutCopy;
                var clients = await Task.WhenAll(Enumerable.Range(1, Clients).Select(site.RunClientAsync));
                answered = clients.Sum();
                faults.EndAndAssertSome(expectedFaults);
                Assert.InRange(site.SendsWithoutCopy - sendsBefore, withoutCopy ? 1 : 0, withoutCopy ? int.MaxValue : 0);
            }

            Assert.InRange(answered, 1, (Clients * RequestSite.RequestsOfEach) - 1);
            Assert.Equal(RequestSite.RequestsOfEach, await site.RunClientAsync(0));
        }

        await Deadline.UntilAsync(() => Task.FromResult(pool.Rented == 0), () => $"{pool.Rented} of {pool.Total} blocks were not returned");
        await before.WaitForNoMoreAsync(KeptDescriptors.ByKind);
    }
}
