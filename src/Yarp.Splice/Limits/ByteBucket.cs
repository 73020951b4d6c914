namespace Yarp.Splice.Limits;

/// <summary>
/// A token bucket for the bytes of one direction of one session, full at first. It holds a tenth of a second's worth, at least 16 KiB: that much may
/// pass at once after a quiet time. For one thread at a time.
/// </summary>
internal sealed class ByteBucket
{
    private const double BurstMs = 100;
    private const double LeastBurst = 16 * 1024;
    private const double LongestPauseMs = 250;

    private readonly double _bytesPerMs;
    private readonly double _burst;
    private double _bytes;
    private long _filledAtMs;

    /// <param name="bytesPerSecond">From 1000 on.</param>
    /// <param name="nowMs">The time, on the clock of every later call.</param>
    public ByteBucket(long bytesPerSecond, long nowMs)
    {
        _bytesPerMs = bytesPerSecond / 1000.0;
        _burst = Math.Max(_bytesPerMs * BurstMs, LeastBurst);
        _bytes = _burst;
        _filledAtMs = nowMs;

        // Half a burst at a time keeps transfers large, and the other half is what a wake-up may be late without a loss of rate.
        Pause = TimeSpan.FromMilliseconds(Math.Min(_burst / 2 / _bytesPerMs, LongestPauseMs));
    }

    /// <summary>How long to wait once nothing is left: 50 ms, and up to 250 ms below 164 kB/s.</summary>
    public TimeSpan Pause { get; }

    /// <summary>Whole bytes that may pass now.</summary>
    public long Fill(long nowMs)
    {
        _bytes = Math.Min(_bytes + ((nowMs - _filledAtMs) * _bytesPerMs), _burst);
        _filledAtMs = nowMs;
        return (long)_bytes;
    }

    /// <param name="bytes">What has passed, at most what <see cref="Fill"/> has returned.</param>
    public void Take(long bytes) => _bytes -= bytes;
}
