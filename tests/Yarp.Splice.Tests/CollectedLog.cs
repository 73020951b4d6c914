using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Yarp.Splice.Tests;

/// <summary>Keeps what is logged, and lets a test wait for a line.</summary>
internal sealed class CollectedLog : ILoggerProvider
{
    private readonly Lock _lock = new();
    private readonly List<(Func<string, bool> Matches, TaskCompletionSource<string> Found)> _waiting = [];
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> Lines => _lines;

    /// <summary>The first line, past or future, that contains the text.</summary>
    public Task<string> WaitForAsync(string text)
    {
        lock (_lock)
        {
            if (_lines.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) is { } present)
            {
                return Task.FromResult(present);
            }

            var found = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((line => line.Contains(text, StringComparison.Ordinal), found));
            return found.Task.WaitAsync(TestGateway.Patience);
        }
    }

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void Dispose()
    {
    }

    private void Add(string line)
    {
        lock (_lock)
        {
            _lines.Enqueue(line);
            foreach (var (matches, found) in _waiting)
            {
                if (matches(line))
                {
                    found.TrySetResult(line);
                }
            }
        }
    }

    private sealed class Category(CollectedLog log, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Add($"{logLevel} {name}: {formatter(state, exception)} {exception}");
    }
}
