using Transport.Linux.EventLoops;

namespace Transport.Linux.Tests;

/// <summary>Flushes of application code are held until it returns, and never longer than a moment.</summary>
public class ApplicationDispatchTests
{
    [Fact]
    public async Task ExecuteInline_TwoFlushes_SendOnceAfterTheCodeReturned()
    {
        using var loops = new LoopFixture();
        var order = new List<string>();
        await LoopFixture.OnLoop(loops.Group.Loops[0], () =>
        {
            loops.Group.Loops[0].RunApplication(_ =>
            {
                ApplicationDispatch.Send(_ => order.Add("sent"), null);
                order.Add("returned");
            }, null, isInline: true);
            return true;
        });
        Assert.Equal(["returned", "sent"], order);
    }

    [Fact]
    public async Task ExecuteInline_FlushToASecondConnection_IsSentAtOnce()
    {
        using var loops = new LoopFixture();
        var order = new List<string>();
        await LoopFixture.OnLoop(loops.Group.Loops[0], () =>
        {
            loops.Group.Loops[0].RunApplication(_ =>
            {
                ApplicationDispatch.Send(_ => order.Add("first"), null);
                ApplicationDispatch.Send(_ => order.Add("second"), null);
            }, null, isInline: true);
            return true;
        });
        Assert.Equal(["second", "first"], order);
    }

    [Fact]
    public void Send_OutsideOfADispatch_IsImmediate()
    {
        var isSent = false;
        ApplicationDispatch.Send(_ => isSent = true, null);
        Assert.True(isSent);
    }

    [Fact]
    public async Task Execute_CodeThatFlushesAndKeepsTheThread_IsSentMeanwhile()
    {
        using var loops = new LoopFixture();
        for (var round = 0; round < 100; round++)
        {
            var sent = new ManualResetEventSlim();
            var returned = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            var loop = loops.Group.Loops[round % 2];
            // Some rounds find the loop asleep by the time of the flush, some awake, some in its short sleep.
            var pause = TimeSpan.FromMilliseconds(round % 4);
            loop.Post(_ => loop.RunApplication(_ =>
            {
                Thread.Sleep(pause);
                ApplicationDispatch.Send(_ => sent.Set(), null);
                returned.SetResult(sent.Wait(Deadline.Default));
            }, null, isInline: false), null);
            Assert.True(await returned.Task, "the flush was held as long as the code kept the thread");
        }
    }
}
