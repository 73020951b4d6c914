using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>Deferred work: its order among itself, and that it holds up what is ready for one slice, not for the whole line.</summary>
public sealed class DeferredWorkTests : IDisposable
{
    /// <summary>Longer than a slice, so that each slice is one action, however the machine runs.</summary>
    private static readonly TimeSpan s_longerThanASlice = TimeSpan.FromMilliseconds(1);

    private readonly LoopFixture _loops = new();

    private EventLoop Loop => _loops.Group.Loops[0];

    public void Dispose() => _loops.Dispose();

    [Fact]
    public async Task Defer_WithALongLine_WhatBecomesReadyIsServedAfterOneSlice()
    {
        const int InLine = 128;
        const int Waker = 5;
        var hasRun = 0;
        var servedAfter = new List<int>();
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var ready = new ReadyDescriptor(() => servedAfter.Add(hasRun));
        await LoopFixture.OnLoop(Loop, () =>
        {
            ready.Register(Loop);
            for (var i = 0; i < InLine; i++)
            {
                Loop.Defer(_ => Act(), null);
            }

            return true;
        });
        await done.Task.WaitAsync(Deadline.Default);
        // The descriptor's event and the post, both from within the action before.
        Assert.Equal([Waker, Waker], servedAfter);
        Assert.Equal(InLine, hasRun);

        void Act()
        {
            Spin(s_longerThanASlice);
            if (++hasRun == Waker)
            {
                ready.Signal();
                Loop.Post(_ => servedAfter.Add(hasRun), null);
            }
            else if (hasRun == InLine)
            {
                done.SetResult();
            }
        }
    }

    [Fact]
    public async Task Defer_WhatDefersItselfAgain_GoesToTheEndOfTheLine()
    {
        const int Actions = 3;
        const int Turns = 50;
        var order = new List<int>();
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await LoopFixture.OnLoop(Loop, () =>
        {
            for (var i = 0; i < Actions; i++)
            {
                Loop.Defer(TakeTurn, i);
            }

            return true;
        });
        await done.Task.WaitAsync(Deadline.Default);
        Assert.Equal(Enumerable.Range(0, Actions * Turns).Select(static turn => turn % Actions), order);

        void TakeTurn(object? number)
        {
            order.Add((int)number!);
            if (order.Count <= Actions * (Turns - 1))
            {
                Loop.Defer(TakeTurn, number);
            }
            else if (order.Count == Actions * Turns)
            {
                done.SetResult();
            }
        }
    }

    [Fact]
    public async Task Defer_WhileADescriptorIsAlwaysReady_TheLineMovesOn()
    {
        const int InLine = 100;
        var hasRun = 0;
        var events = 0;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ReadyDescriptor? ready = null;
        using (ready = new ReadyDescriptor(() =>
        {
            events++;
            ready!.Signal();
        }))
        {
            await LoopFixture.OnLoop(Loop, () =>
            {
                ready.Register(Loop);
                ready.Signal();
                for (var i = 0; i < InLine; i++)
                {
                    Loop.Defer(_ => Act(), null);
                }

                return true;
            });
            await done.Task.WaitAsync(Deadline.Default);
            await LoopFixture.OnLoop(Loop, () =>
            {
                ready.Unregister(Loop);
                return true;
            });
        }

        Assert.True(events >= InLine - 1, $"{events} events in between");

        void Act()
        {
            Spin(s_longerThanASlice);
            if (++hasRun == InLine)
            {
                done.SetResult();
            }
        }
    }

    [Fact]
    public async Task Defer_ActionThatThrows_IsLoggedAndTheNextOneRuns()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await LoopFixture.OnLoop(Loop, () =>
        {
            Loop.Defer(static _ => throw new InvalidOperationException("on purpose"), null);
            Loop.Defer(_ => done.SetResult(), null);
            return true;
        });
        await done.Task.WaitAsync(Deadline.Default);
        Assert.Contains(_loops.Log.Entries, static entry => entry is { Level: LogLevel.Error, Id: 102 });
    }

    [Fact]
    public async Task Defer_AgainAndAgain_AllocatesNothing()
    {
        const int Turns = 10_000;
        var left = Turns;
        var allocatedAtFirst = 0L;
        var allocated = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        Action<object?>? turn = null;
        turn = _ =>
        {
            // The first one made room for itself.
            if (left == Turns - 1)
            {
                allocatedAtFirst = GC.GetAllocatedBytesForCurrentThread();
            }

            if (--left > 0)
            {
                Loop.Defer(turn!, null);
            }
            else
            {
                allocated.SetResult(GC.GetAllocatedBytesForCurrentThread() - allocatedAtFirst);
            }
        };
        Loop.Post(turn, null);
        Assert.Equal(0, await allocated.Task.WaitAsync(Deadline.Default));
    }

    private static void Spin(TimeSpan time)
    {
        var startedAt = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(startedAt) < time)
        {
            Thread.SpinWait(10);
        }
    }

    /// <summary>An eventfd (eventfd(2)) that counts as a descriptor whose peer has sent something.</summary>
    private sealed class ReadyDescriptor(Action onReady) : IReadinessHandler, IDisposable
    {
        private readonly int _descriptor = EpollCalls.CreateEventDescriptor();
        private EventRegistration _registration;

        public void Register(EventLoop loop) => _registration = loop.Register(_descriptor, Readiness.Readable, this);

        public void Unregister(EventLoop loop) => loop.Unregister(_registration);

        public void Signal() => EpollCalls.Signal(_descriptor);

        public void OnReady(Readiness readiness)
        {
            EpollCalls.Reset(_descriptor);
            onReady();
        }

        public void Dispose() => SocketCalls.Close(_descriptor);
    }
}
