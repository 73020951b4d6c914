using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Transport.Linux.Kestrel;

namespace Transport.Linux.Tests;

/// <summary>Event loops of a test's own, with everything they log.</summary>
internal sealed class LoopFixture : IDisposable
{
    public LoopFixture(Action<LinuxTransportOptions>? configure = null, IMeterFactory? meterFactory = null)
    {
        var options = new LinuxTransportOptions { ThreadCount = 2 };
        configure?.Invoke(options);
        Options = Microsoft.Extensions.Options.Options.Create(options);
        Log = new RecordingLoggerFactory();
        Group = new EventLoopGroup(Options, Log, meterFactory);
    }

    public IOptions<LinuxTransportOptions> Options { get; }

    public RecordingLoggerFactory Log { get; }

    public EventLoopGroup Group { get; }

    public async Task<IConnectionListener> BindAsync(EndPoint? endPoint = null)
    {
        var factory = new LinuxTransportFactory(Group, Options, Log);
        return await factory.BindAsync(endPoint ?? new IPEndPoint(IPAddress.Loopback, 0));
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
        return done.Task.WaitAsync(Deadline.Generous);
    }

    public void Dispose() => Group.Dispose();
}

/// <summary>Keeps what was logged.</summary>
internal sealed class RecordingLoggerFactory : ILoggerFactory, ILoggerProvider, ILogger
{
    public ConcurrentQueue<(LogLevel Level, int Id, string Text)> Entries { get; } = new();

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose()
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Entries.Enqueue((logLevel, eventId.Id, formatter(state, exception)));
}

/// <summary>How long a test waits for something that must happen: long enough for a busy machine, short enough to end.</summary>
internal static class Deadline
{
    public static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);
}
