using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <summary>
/// A call that fails because the kernel has no memory now. The socket may count as ready all the same, so no event tells when to try again: it is
/// tried less and less often while the shortage lasts.
/// </summary>
internal struct MemoryShortage
{
    public const int FirstPauseMs = 5;
    public const int LastPauseMs = 320;

    /// <summary>How long a shortage may last before it counts as the failure of the socket.</summary>
    public const int LongestMs = 30_000;

    private long _sinceMs;
    private int _pauseMs;

    public static bool IsCauseOf(int errno) => errno is Errno.ENOBUFS or Errno.ENOMEM;

    /// <summary>How long to wait before the next try; <see langword="null"/> if the shortage has lasted so long that it counts as the socket's failure.</summary>
    public TimeSpan? NextPause()
    {
        if (_pauseMs == 0)
        {
            _sinceMs = Environment.TickCount64;
        }
        else if (Environment.TickCount64 - _sinceMs > LongestMs)
        {
            return null;
        }

        _pauseMs = _pauseMs == 0 ? FirstPauseMs : Math.Min(2 * _pauseMs, LastPauseMs);
        return TimeSpan.FromMilliseconds(_pauseMs);
    }
}
