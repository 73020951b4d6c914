using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Transport.Linux.Kestrel;
using Transport.Linux.Numa;

namespace Transport.Linux.Tests;

/// <summary>Event loops of a test's own, with everything they log.</summary>
internal sealed class LoopFixture : IDisposable
{
    public LoopFixture(Action<LinuxTransportOptions>? configure = null, IMeterFactory? meterFactory = null, NumaTopology? nodes = null)
    {
        var options = new LinuxTransportOptions { ThreadCount = 2 };
        configure?.Invoke(options);
        Options = Microsoft.Extensions.Options.Options.Create(options);
        Log = new RecordingLoggerFactory();
        Group = new EventLoopGroup(Options, Log, meterFactory, lifetime: null, nodes ?? new NumaTopology());
    }

    public IOptions<LinuxTransportOptions> Options { get; }

    public RecordingLoggerFactory Log { get; }

    public EventLoopGroup Group { get; }

    public async Task<IConnectionListener> BindAsync(EndPoint? endPoint = null)
    {
        var factory = new LinuxTransportFactory(Group, Options, Log);
        return await factory.BindAsync(endPoint ?? new IPEndPoint(IPAddress.Loopback, 0));
    }

    /// <summary>The descriptors that the loops look at.</summary>
    public async Task<int> CountDescriptorsAsync()
    {
        var counts = await Task.WhenAll(Group.Loops.Select(static loop => OnLoop(loop, () => loop.RegisteredDescriptors)));
        return counts.Sum();
    }

    /// <summary>Runs an action on a loop and waits for it.</summary>
    public static Task<T> OnLoop<T>(EventLoop loop, Func<T> action)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ =>
        {
            try
            {
                done.SetResult(action());
            }
            catch (Exception exception)
            {
                done.SetException(exception);
            }
        }, null);
        return done.Task.WaitAsync(Deadline.Default);
    }

    public void Dispose() => Group.Dispose();
}
