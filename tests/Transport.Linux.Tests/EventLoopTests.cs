using Microsoft.Extensions.Logging;
using Transport.Linux.EventLoops;

namespace Transport.Linux.Tests;

/// <summary>The event loop's contract for its users: posts, timers, handlers.</summary>
public class EventLoopTests
{
    [Fact]
    public async Task Post_FromManyThreads_RunsEachOnceInTheOrderOfItsThread()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        const int Threads = 4;
        const int Posts = 20_000;
        var last = new int[Threads];
        var ran = 0;
        var isInOrder = true;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Parallel.For(0, Threads, thread =>
        {
            for (var i = 1; i <= Posts; i++)
            {
                var number = i;
                loop.Post(_ =>
                {
                    isInOrder &= loop.IsCurrent && last[thread] == number - 1;
                    last[thread] = number;
                    if (++ran == Threads * Posts)
                    {
                        done.SetResult();
                    }
                }, null);
            }
        });
        await done.Task.WaitAsync(Deadline.Default);
        Assert.True(isInOrder);
    }

    [Fact]
    public async Task Post_ToASleepingLoop_WakesItAtOnce()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        for (var i = 0; i < 200; i++)
        {
            // Each round waits for the one before, so the loop sleeps in between: a lost wake-up would hang here.
            Assert.True(await LoopFixture.OnLoop(loop, () => loop.IsCurrent));
        }
    }

    [Fact]
    public async Task Post_ActionThatThrows_IsLoggedAndTheLoopGoesOn()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        loop.Post(static _ => throw new InvalidOperationException("on purpose"), null);
        Assert.Equal(7, await LoopFixture.OnLoop(loop, static () => 7));
        Assert.Contains(loops.Log.Entries, static entry => entry is { Level: LogLevel.Error, Id: 102 });
    }

    [Fact]
    public async Task Arm_ShortDelay_FiresOnTheLoopAndNotEarly()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[1];
        var fired = new TaskCompletionSource<(bool IsCurrent, long At)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var timer = new CallbackTimer(() => fired.SetResult((loop.IsCurrent, Environment.TickCount64)));
        var armedAt = Environment.TickCount64;
        await LoopFixture.OnLoop(loop, () =>
        {
            loop.Arm(timer, TimeSpan.FromMilliseconds(50));
            return true;
        });
        var (isCurrent, at) = await fired.Task.WaitAsync(Deadline.Default);
        Assert.True(isCurrent);
        // NowMs of the arming round may be a few milliseconds older than this test's clock.
        Assert.True(at - armedAt >= 40, $"fired after {at - armedAt} ms");
    }

    [Fact]
    public void Loops_ByDefault_AreOnePerAvailableCpu()
    {
        using var loops = new LoopFixture(static options => options.ThreadCount = null);
        Assert.Equal(Environment.ProcessorCount, loops.Group.Loops.Count);
    }

    [Fact]
    public void Place_AsManyLoopsAsCpus_PinsEachToItsOwn() =>
        Assert.Equal([2, 3, 9], WorkerPlacement.Place(3, [2, 3, 9]));

    [Fact]
    public void Place_FewerLoopsThanCpus_PinsNone() =>
        Assert.Equal([null, null], WorkerPlacement.Place(2, [0, 1, 2, 3]));

    [Fact]
    public void HandlerTable_KeyOfARemovedHandler_FindsNobodyEvenWhenTheSlotIsReused()
    {
        var table = new HandlerTable();
        var first = new NoHandler();
        var second = new NoHandler();
        var firstKey = table.Add(first);
        Assert.Same(first, table.Find(firstKey));
        Assert.True(table.Remove(firstKey));
        Assert.False(table.Remove(firstKey));
        var secondKey = table.Add(second);
        Assert.Equal((uint)firstKey, (uint)secondKey);
        Assert.Null(table.Find(firstKey));
        Assert.Same(second, table.Find(secondKey));
        Assert.Null(table.Find(default(EventRegistration).Key));
    }

    private sealed class CallbackTimer(Action callback) : EventLoopTimer
    {
        protected internal override void OnTimer() => callback();
    }

    private sealed class NoHandler : IReadinessHandler
    {
        public void OnReady(Readiness readiness) => throw new NotSupportedException();
    }
}
