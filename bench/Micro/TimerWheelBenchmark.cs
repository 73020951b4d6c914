using BenchmarkDotNet.Attributes;
using Transport.Linux.EventLoops;

namespace Bench.Micro;

/// <summary>What an idle timeout costs on every byte that passes: arming again, with as many timers beside it as there are connections.</summary>
public class TimerWheelBenchmark
{
    private readonly Random _random = new(1);
    private IdleTimer[] _timers = [];
    private TimerWheel _wheel = new(0);
    private long _now;
    private int _next;

    [Params(1, 10_000)]
    public int Timers { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _now = 0;
        _wheel = new TimerWheel(_now);
        _timers = new IdleTimer[Timers];
        for (var i = 0; i < Timers; i++)
        {
            _timers[i] = new IdleTimer();
            _wheel.Arm(_timers[i], _random.Next(1, 3_600_000));
        }
    }

    [Benchmark]
    public void Rearm()
    {
        _wheel.Arm(_timers[_next], _now + 60_000);
        _next = (_next + 1) % _timers.Length;
    }

    [Benchmark]
    public void ArmAndCancel()
    {
        var timer = _timers[_next];
        _wheel.Arm(timer, _now + 2_000);
        _wheel.Cancel(timer);
        _next = (_next + 1) % _timers.Length;
    }

    /// <summary>What every round of the event loop pays.</summary>
    [Benchmark]
    public int TimeoutAndAdvanceOneTick()
    {
        _now += TimerWheel.TickMs;
        var timeout = _wheel.TimeoutMs(_now);
        _wheel.Advance(_now);
        return timeout;
    }
}
