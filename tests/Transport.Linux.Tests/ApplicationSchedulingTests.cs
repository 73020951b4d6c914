using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Transport.Linux.EventLoops;

namespace Transport.Linux.Tests;

/// <summary>Application code runs on the loop's thread, and does not keep the loop when it keeps the thread.</summary>
public class ApplicationSchedulingTests
{
    [Fact]
    public async Task RunApplication_CodeThatReturns_RunsOnTheLoopsThreadButNotAsTheLoop()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        int loopThread, relieved;
        (int Thread, bool IsCurrent) application;
        do
        {
            relieved = (int)loop.Counters.Relieved;
            loopThread = await LoopFixture.OnLoop(loop, static () => Environment.CurrentManagedThreadId);
            application = await RunAsync(loop, () => (Environment.CurrentManagedThreadId, loop.IsCurrent));
        }
        // A busy machine may hold the thread up for so long that another takes the loop over.
        while (loop.Counters.Relieved != relieved);

        Assert.Equal((loopThread, false), application);
    }

    [Fact]
    public async Task RunApplication_SchedulingThreadPool_RunsOnTheThreadPool()
    {
        using var loops = new LoopFixture(static options => options.ApplicationScheduling = ApplicationScheduling.ThreadPool);
        Assert.True(await RunAsync(loops.Group.Loops[0], static () => Thread.CurrentThread.IsThreadPoolThread));
    }

    [Fact]
    public async Task RunApplication_CodeThatBlocks_LosesTheLoopAndLaterCodeGoesToTheThreadPool()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        using var release = new ManualResetEventSlim();
        var blocked = RunAsync(loop, () => release.Wait(Deadline.Default));
        Assert.True(await LoopFixture.OnLoop(loop, () => loop.IsCurrent));
        Assert.True(await RunAsync(loop, static () => Thread.CurrentThread.IsThreadPoolThread));
        Assert.False(blocked.IsCompleted);
        release.Set();
        Assert.True(await blocked);
        Assert.True(await LoopFixture.OnLoop(loop, () => loop.IsCurrent));
        Assert.Equal(1, loop.Counters.Relieved);
        Assert.Contains(loops.Log.Entries, static entry => entry is { Level: LogLevel.Debug, Id: 110 });
    }

    [Fact]
    public async Task RunApplication_CodeThatComputesForLong_LosesTheLoop()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        var isOver = false;
        var computing = RunAsync(loop, () =>
        {
            var started = Stopwatch.GetTimestamp();
            while (!Volatile.Read(ref isOver) && Stopwatch.GetElapsedTime(started) < Deadline.Default)
            {
            }

            return Volatile.Read(ref isOver);
        });
        await LoopFixture.OnLoop(loop, () =>
        {
            Volatile.Write(ref isOver, true);
            return true;
        });
        Assert.True(await computing, "the loop was served only after the computation");
    }

    [Fact]
    public async Task RunApplication_CodeBehindCodeThatBlocks_IsNotKeptWaiting()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        using var release = new ManualResetEventSlim();
        var second = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Both are ready in the same round, so the second is behind the first on the loop.
        var blocked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ =>
        {
            loop.RunApplication(_ => blocked.SetResult(release.Wait(Deadline.Default)), null, isInline: false);
            loop.RunApplication(_ => second.SetResult(), null, isInline: false);
        }, null);
        await second.Task.WaitAsync(Deadline.Default);
        Assert.False(blocked.Task.IsCompleted);
        release.Set();
        Assert.True(await blocked.Task);
    }

    [Fact]
    public async Task RunApplication_ValueOfAnAsyncLocal_DoesNotReachTheNextCode()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        var local = new AsyncLocal<string>();
        await RunAsync(loop, () => local.Value = "left behind");
        Assert.Null(await RunAsync(loop, () => local.Value));
    }

    [Fact]
    public async Task RunApplication_CodeThatThrows_IsLoggedAndTheLoopGoesOn()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[0];
        loop.Post(_ => loop.RunApplication(static _ => throw new InvalidOperationException("on purpose"), null, isInline: false), null);
        Assert.Equal(1, await RunAsync(loop, static () => 1));
        Assert.Contains(loops.Log.Entries, static entry => entry is { Level: LogLevel.Error, Id: 102 });
    }

    [Fact]
    public async Task Stop_WhileApplicationCodeBlocks_DoesNotWaitForIt()
    {
        using var release = new ManualResetEventSlim();
        Task<bool> blocked;
        using (var loops = new LoopFixture())
        {
            blocked = RunAsync(loops.Group.Loops[0], () => release.Wait(Deadline.Default));
            Assert.True(await LoopFixture.OnLoop(loops.Group.Loops[0], static () => true));
        }

        release.Set();
        Assert.True(await blocked);
    }

    [Fact]
    public async Task Request_ThatBlocksItsThread_DoesNotDelayOthersOfTheSameLoop()
    {
        using var release = new ManualResetEventSlim();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseLinuxZeroCopyTransport(static options => options.ThreadCount = 1).UseUrls("http://127.0.0.1:0");
        await using var application = builder.Build();
        application.MapGet("/quick", static () => "quick");
        application.MapGet("/slow", () => release.Wait(Deadline.Default) ? "slow" : "late");
        await application.StartAsync();
        // One connection each, kept: the second request of a connection is what the loop runs by itself.
        using var slow = new HttpClient { BaseAddress = new Uri(application.Urls.Single()) };
        using var quick = new HttpClient { BaseAddress = new Uri(application.Urls.Single()) };
        Assert.Equal("quick", await slow.GetStringAsync(new Uri("/quick", UriKind.Relative)));
        Assert.Equal("quick", await quick.GetStringAsync(new Uri("/quick", UriKind.Relative)));

        var waiting = slow.GetStringAsync(new Uri("/slow", UriKind.Relative));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("quick", await quick.GetStringAsync(new Uri("/quick", UriKind.Relative)).WaitAsync(Deadline.Default));
        }

        Assert.False(waiting.IsCompleted);
        release.Set();
        Assert.Equal("slow", await waiting.WaitAsync(Deadline.Default));
    }

    /// <summary>Runs code on a loop as received bytes would run it.</summary>
    private static Task<T> RunAsync<T>(EventLoop loop, Func<T> code)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ => loop.RunApplication(_ => done.SetResult(code()), null, isInline: false), null);
        return done.Task.WaitAsync(Deadline.Default);
    }
}
