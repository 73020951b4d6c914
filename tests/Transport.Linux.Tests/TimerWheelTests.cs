using Transport.Linux.EventLoops;

namespace Transport.Linux.Tests;

/// <summary>The timing wheel, driven by hand through virtual time.</summary>
public class TimerWheelTests
{
    private const long Start = 1_000_000_007;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(500)]
    [InlineData(513)]
    [InlineData(5_000)]
    [InlineData(40_000)]
    [InlineData(3_600_000)]
    [InlineData(90_000_000)]
    [InlineData(400_000_000)]
    public void Advance_ByTheTimeoutsTheWheelAsksFor_FiresOnTimeAndNeverEarly(long delayMs)
    {
        var wheel = new TimerWheel(Start);
        var timer = new Probe();
        wheel.Arm(timer, Start + delayMs);
        var now = Start;
        var rounds = 0;
        while (timer.Fired == 0)
        {
            var timeout = wheel.TimeoutMs(now);
            Assert.True(timeout >= 0, "an armed timer must limit the wait");
            now += Math.Max(timeout, 1);
            wheel.Advance(now);
            Assert.True(timer.Fired == 0 || now >= Start + delayMs, "fired early");
            Assert.True(++rounds < 200, "too many wake-ups for one timer");
        }

        Assert.InRange(now - (Start + delayMs), 0, 2 * TimerWheel.TickMs);
        Assert.Equal(-1, wheel.TimeoutMs(now));
    }

    [Fact]
    public void Advance_ManyTimersWithRandomDeadlines_FiresEachOnceWithinATick()
    {
        var random = new Random(42);
        var wheel = new TimerWheel(Start);
        var pending = new List<(Probe Timer, long Deadline)>();
        for (var i = 0; i < 5_000; i++)
        {
            var deadline = Start + random.NextInt64(1, 200_000);
            var timer = new Probe();
            pending.Add((timer, deadline));
            wheel.Arm(timer, deadline);
        }

        for (var now = Start; now < Start + 210_000; now += random.Next(1, 90))
        {
            wheel.Advance(now);
            foreach (var (timer, deadline) in pending)
            {
                Assert.True(timer.Fired == 0 || deadline <= now, "fired early");
                Assert.True(timer.Fired == 1 || deadline + TimerWheel.TickMs > now, "fired late, or twice");
            }
        }
    }

    [Fact]
    public void Cancel_ArmedTimer_DoesNotFire()
    {
        var wheel = new TimerWheel(Start);
        var timers = Enumerable.Range(0, 3).Select(_ => new Probe()).ToArray();
        foreach (var timer in timers)
        {
            wheel.Arm(timer, Start + 100);
        }

        wheel.Cancel(timers[1]);
        wheel.Cancel(timers[1]);
        wheel.Advance(Start + 1_000);
        Assert.Equal([1, 0, 1], timers.Select(static timer => timer.Fired));
    }

    [Fact]
    public void Arm_AgainBeforeItFires_MovesTheDeadline()
    {
        var wheel = new TimerWheel(Start);
        var timer = new Probe();
        wheel.Arm(timer, Start + 50);
        wheel.Arm(timer, Start + 50_000);
        wheel.Advance(Start + 49_000);
        Assert.Equal(0, timer.Fired);
        wheel.Advance(Start + 50_100);
        Assert.Equal(1, timer.Fired);
    }

    [Fact]
    public void OnTimer_ArmsItselfAndCancelsAnother_BothTakeEffect()
    {
        var wheel = new TimerWheel(Start);
        var victim = new Probe();
        Probe? periodic = null;
        periodic = new Probe(() =>
        {
            wheel.Cancel(victim);
            if (periodic!.Fired < 5)
            {
                wheel.Arm(periodic, Start);
            }
        });
        wheel.Arm(victim, Start + 16);
        wheel.Arm(periodic, Start + 16);
        wheel.Advance(Start + 10_000);
        Assert.Equal(5, periodic.Fired);
        Assert.Equal(0, victim.Fired);
    }

    private sealed class Probe(Action? onTimer = null) : EventLoopTimer
    {
        public int Fired { get; private set; }

        protected internal override void OnTimer()
        {
            Fired++;
            onTimer?.Invoke();
        }
    }
}
