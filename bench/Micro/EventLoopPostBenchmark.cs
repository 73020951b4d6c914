using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Transport.Linux;

namespace Bench.Micro;

/// <summary>The way from another thread to an event loop: with a wake-up of a loop that sleeps, and in a burst that needs few of them.</summary>
public class EventLoopPostBenchmark
{
    private const int Burst = 1000;

    private readonly ManualResetEventSlim _done = new();
    private EventLoop? _loop;
    private int _remaining;

    [GlobalSetup]
    public void SetUp()
    {
        _loop = new EventLoop(0, null, NullLogger.Instance);
        _loop.Start();
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _loop!.Stop();
        _done.Dispose();
    }

    [Benchmark]
    public void RoundTrip()
    {
        _done.Reset();
        _loop!.Post(static state => ((ManualResetEventSlim)state!).Set(), _done);
        _done.Wait();
    }

    [Benchmark(OperationsPerInvoke = Burst)]
    public void PostInBurst()
    {
        _done.Reset();
        _remaining = Burst;
        for (var i = 0; i < Burst; i++)
        {
            _loop!.Post(static state => ((EventLoopPostBenchmark)state!).CountDown(), this);
        }

        _done.Wait();
    }

    // Only the loop's thread counts, so no interlocked operation is needed.
    private void CountDown()
    {
        if (--_remaining == 0)
        {
            _done.Set();
        }
    }
}
