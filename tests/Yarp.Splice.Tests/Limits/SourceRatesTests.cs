using System.Diagnostics;
using System.Net;
using Yarp.Splice.Limits;

namespace Yarp.Splice.Tests.Limits;

public class SourceRatesTests
{
    private static readonly long s_second = Stopwatch.Frequency;

    [Fact]
    public void TryTake_BurstIsUsedUp_GrantsTheRateFromThenOn()
    {
        var rates = new SourceRates(8);
        var now = 10 * s_second;
        Assert.All(Enumerable.Range(0, 5), _ => Assert.True(rates.TryTake(1, rate: 10, burst: 5, now)));
        Assert.False(rates.TryTake(1, 10, 5, now));
        Assert.False(rates.TryTake(1, 10, 5, now + (s_second / 11)));
        Assert.True(rates.TryTake(1, 10, 5, now + (s_second / 10)));
        Assert.False(rates.TryTake(1, 10, 5, now + (s_second / 10)));
        // What was refused has cost nothing, and a pause fills the bucket, but not past its brim.
        Assert.Equal(5, Enumerable.Range(0, 20).Count(_ => rates.TryTake(1, 10, 5, now + (60 * s_second))));
    }

    [Fact]
    public void TryTake_OneSourceIsTooFast_OthersAreNot()
    {
        var rates = new SourceRates(64);
        var now = s_second;
        while (rates.TryTake(1, 1, 1, now))
        {
        }

        Assert.True(rates.TryTake(2, 1, 1, now));
    }

    [Fact]
    public void TryTake_MoreSourcesThanRoom_KeepsTheFastest()
    {
        var rates = new SourceRates(8);
        var now = s_second;
        Assert.Equal(100, Enumerable.Range(0, 200).Count(_ => rates.TryTake(7, 100, 100, now)));
        for (var source = 1000ul; source < 2000; source++)
        {
            Assert.True(rates.TryTake(source, 100, 100, now));
        }

        Assert.False(rates.TryTake(7, 100, 100, now));
    }

    [Fact]
    public void TryTake_AtTheSameTimeFromManyThreads_GrantsExactlyTheBurst()
    {
        var rates = new SourceRates();
        var granted = 0;
        Parallel.For(0, 4, _ =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                if (rates.TryTake(1, 1, 500, s_second))
                {
                    Interlocked.Increment(ref granted);
                }
            }
        });
        Assert.Equal(500, granted);
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1", true)]
    [InlineData("2001:db8::1", "2001:db8:0:0:ffff::2", true)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", false)]
    public void SourceOf_Addresses_AreTheSameSourceOnlyWithinAHostOrANetwork(string one, string other, bool same) =>
        Assert.Equal(same, SourceRates.SourceOf(new IPEndPoint(IPAddress.Parse(one), 1)) == SourceRates.SourceOf(new IPEndPoint(IPAddress.Parse(other), 2)));

    [Fact]
    public void SourceOf_UnixSocket_IsNone() => Assert.Null(SourceRates.SourceOf(new System.Net.Sockets.UnixDomainSocketEndPoint("/x")));
}
