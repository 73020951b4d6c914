using Yarp.Splice.Limits;

namespace Yarp.Splice.Tests.Limits;

public class ByteBucketTests
{
    [Theory]
    [InlineData(1000, 16 * 1024, 250)]
    [InlineData(1_000_000, 100_000, 50)]
    [InlineData(1_000_000_000_000, 100_000_000_000, 50)]
    public void New_HoldsOneBurstAndPausesForHalfOfIt(long bytesPerSecond, long burst, int pauseMs)
    {
        var bucket = new ByteBucket(bytesPerSecond, nowMs: 5000);
        Assert.Equal(burst, bucket.Fill(5000));
        Assert.Equal(TimeSpan.FromMilliseconds(pauseMs), bucket.Pause);
    }

    [Fact]
    public void Fill_AfterAllWasTaken_ReturnsWhatTheTimeIsWorthUpToOneBurst()
    {
        var bucket = new ByteBucket(1_000_000, nowMs: 0);
        bucket.Take(bucket.Fill(0));
        Assert.Equal(0, bucket.Fill(0));
        Assert.Equal(7000, bucket.Fill(7));
        bucket.Take(3000);
        Assert.Equal(14_000, bucket.Fill(17));
        Assert.Equal(100_000, bucket.Fill(long.MaxValue / 2));
    }

    [Fact]
    public void Fill_EveryMillisecondAtARateBelowAByteEach_LosesNoFraction()
    {
        var bucket = new ByteBucket(1500, nowMs: 0);
        bucket.Take(bucket.Fill(0));
        long passed = 0;
        for (var now = 1; now <= 10_000; now++)
        {
            var allowed = bucket.Fill(now);
            bucket.Take(allowed);
            passed += allowed;
        }

        Assert.InRange(passed, 14_999, 15_000);
    }
}
