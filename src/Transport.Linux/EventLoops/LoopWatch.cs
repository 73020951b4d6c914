using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;

namespace Transport.Linux.EventLoops;

/// <summary>
/// A thread that looks at the event loops once a millisecond while they run application code, and has a loop taken over when such code blocks
/// its thread or computes for long. It sleeps when no application code runs.
/// </summary>
/// <remarks>A thread that merely waits for its CPU is neither: another thread would wait for the same one.</remarks>
internal sealed class LoopWatch : IDisposable
{
    private const int TickMs = 1;

    /// <summary>Ticks without application code before the watch sleeps: more would cost an idle process CPU, fewer a wake-up for each request.</summary>
    private const int IdleTicks = 3;

    /// <summary>One sight of a blocked thread may be a contended lock or a garbage collection.</summary>
    private const int BlockedTicks = 2;

    /// <summary>Other connections of the loop wait for as long as this.</summary>
    private static readonly TimeSpan s_longestComputation = TimeSpan.FromMilliseconds(4);

    private readonly EventLoop[] _loops;
    private readonly Sighting[] _sightings;
    private readonly AutoResetEvent _wake = new(false);
    private readonly ILogger _logger;
    private readonly bool _hasSpareCpus;
    private int _isParked;
    private volatile bool _isStopping;

    public LoopWatch(EventLoop[] loops, ILogger logger)
    {
        _loops = loops;
        _logger = logger;
        _sightings = new Sighting[loops.Length];
        _hasSpareCpus = loops.Length < Environment.ProcessorCount;
    }

    /// <summary>Whether some CPU has nothing to do, as far as can be told without asking the kernel.</summary>
    public bool HasIdleCpu
    {
        get
        {
            if (_hasSpareCpus)
            {
                return true;
            }

            foreach (var loop in _loops)
            {
                if (loop.IsAsleep)
                {
                    return true;
                }
            }

            return false;
        }
    }

    public void Start() => new Thread(Run) { IsBackground = true, Name = "event loop watch" }.UnsafeStart();

    /// <summary>A loop has begun to run application code (its turn is odd).</summary>
    public void Notice()
    {
        if (Volatile.Read(ref _isParked) == 1 && Interlocked.Exchange(ref _isParked, 0) == 1)
        {
            _wake.Set();
        }
    }

    public void Dispose()
    {
        _isStopping = true;
        _wake.Set();
    }

    private void Run()
    {
        var idleTicks = 0;
        while (!_isStopping)
        {
            Thread.Sleep(TickMs);
            idleTicks = LookAround() ? 0 : idleTicks + 1;
            if (idleTicks < IdleTicks)
            {
                continue;
            }

            // The exchange is a full fence: either this sees the turn of a loop, or the loop sees that the watch is parked.
            Interlocked.Exchange(ref _isParked, 1);
            if (!LookAround() || Interlocked.Exchange(ref _isParked, 0) == 0)
            {
                _wake.WaitOne();
            }

            idleTicks = 0;
        }
    }

    /// <summary>True if application code has run on a loop since the last look.</summary>
    private bool LookAround()
    {
        var isActive = false;
        for (var i = 0; i < _loops.Length; i++)
        {
            var turn = _loops[i].Turn;
            isActive |= turn != _sightings[i].Turn || (turn & 1) == 1;
            if (turn != _sightings[i].Turn)
            {
                _sightings[i] = new Sighting { Turn = turn };
            }
            else if ((turn & 1) == 1)
            {
                Suspect(_loops[i], ref _sightings[i]);
            }
        }

        return isActive;
    }

    /// <summary>The same code as at the last look.</summary>
    private void Suspect(EventLoop loop, ref Sighting sighting)
    {
        if (sighting.IsRelieved)
        {
            return;
        }

        var thread = loop.OwnerKernelId;
        var used = SchedulerCalls.CpuTime(thread);
        sighting.UsedAtFirst ??= used;
        sighting.BlockedTicks = SchedulerCalls.IsBlocked(thread) ? sighting.BlockedTicks + 1 : 0;
        if (sighting.BlockedTicks < BlockedTicks && used - sighting.UsedAtFirst < s_longestComputation)
        {
            return;
        }

        try
        {
            loop.Relieve(sighting.Turn);
            sighting.IsRelieved = true;
        }
        catch (OutOfMemoryException)
        {
            // The limit of threads or memory: the loop waits for its code, and the next look tries again.
            TransportLog.ReliefFailed(_logger, loop.Index);
        }
    }

    private struct Sighting
    {
        public int Turn;
        public TimeSpan? UsedAtFirst;
        public int BlockedTicks;
        public bool IsRelieved;
    }
}
