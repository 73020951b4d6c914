using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Channels;
using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;
using Yarp.Splice;

namespace Demo.Gateway.AccessLog;

/// <summary>
/// Writes the access log on a thread of the pool. Whoever has something to log leaves it in a queue and goes on; when the queue is full, the line is
/// dropped and counted. SIGHUP opens the file anew, after a rotation has renamed it.
/// </summary>
internal sealed class AccessLogWriter : ISessionObserver, IAsyncDisposable
{
    /// <summary>Some seconds of a busy gateway, some 10 MB.</summary>
    private const int MaxWaiting = 32 * 1024;

    private const int LinesPerWrite = 512;

    private static readonly TimeSpan s_noticeInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_flushTime = TimeSpan.FromSeconds(2);

    private readonly Channel<object> _queue = Channel.CreateBounded<object>(
        new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly AccessLogOptions _options;
    private readonly ILogger _logger;
    private readonly PosixSignalRegistration? _hangUp;
    private readonly Task _writing;
    private Stream _stream;
    private volatile bool _isReopenWanted;
    private long _dropped;
    private long _droppedTold;
    private long _nextNoticeMs;
    private bool _isFailing;

    /// <exception cref="MachineRefusalException">The file cannot be opened.</exception>
    public AccessLogWriter(AccessLogOptions options, ILoggerFactory loggerFactory)
    {
        _options = options;
        _logger = loggerFactory.CreateLogger(GatewayLog.Category);
        try
        {
            _stream = Open();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MachineRefusalException(
                $"{AccessLogOptions.SectionName}:{nameof(AccessLogOptions.Path)} is '{options.Path}': {SingleLine.Of(exception.Message)}", exception);
        }

        if (options.Path is not null)
        {
            _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnHangUp);
        }

        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Lines that were not written because the queue was full or the file failed.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Of a session that was a request, the request's own line says it.</summary>
    public void OnEnded(SessionRecord session)
    {
        if (!session.IsOfRequest)
        {
            Enqueue(session);
        }
    }

    public void OnEnded(HttpExchange exchange) => Enqueue(exchange);

    public async ValueTask DisposeAsync()
    {
        _hangUp?.Dispose();
        _queue.Writer.TryComplete();
        // A stuck disk must not keep the gateway from ending.
        await Task.WhenAny(_writing, Task.Delay(s_flushTime));
    }

    private Stream Open() => _options.Path is null
        ? Console.OpenStandardOutput()
        : new FileStream(_options.Path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private void Enqueue(object entry)
    {
        if (!_queue.Writer.TryWrite(entry))
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    private void OnHangUp(PosixSignalContext context)
    {
        // Without a handler it would end the process.
        context.Cancel = true;
        _isReopenWanted = true;
        GatewayLog.AccessLogReopened(_logger, _options.Path!);
    }

    private async Task WriteAsync()
    {
        var text = new StringBuilder();
        using var json = new JsonLine(text);
        IAccessLogLine line = _options.Format == AccessLogFormat.Json ? json : new TextLine(text);
        while (await _queue.Reader.WaitToReadAsync())
        {
            text.Clear();
            var count = 0;
            while (count < LinesPerWrite && _queue.Reader.TryRead(out var entry))
            {
                count++;
                if (entry is SessionRecord session)
                {
                    AccessLogFields.Write(session, line);
                }
                else
                {
                    AccessLogFields.Write((HttpExchange)entry, line);
                }
            }

            await WriteAsync(text.ToString(), count);
            TellDropped();
        }

        await _stream.DisposeAsync();
    }

    private async Task WriteAsync(string lines, int count)
    {
        try
        {
            if (_isReopenWanted)
            {
                _isReopenWanted = false;
                await _stream.DisposeAsync();
                _stream = Open();
            }

            await _stream.WriteAsync(Encoding.UTF8.GetBytes(lines));
            _isFailing = false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            // The next lines try again: a full disk may be cleared, a missing folder made.
            Interlocked.Add(ref _dropped, count);
            _isReopenWanted = true;
            if (!_isFailing)
            {
                _isFailing = true;
                GatewayLog.AccessLogFailed(_logger, _options.Path ?? "standard output", SingleLine.Of(exception.Message));
            }
        }
    }

    private void TellDropped()
    {
        var now = Environment.TickCount64;
        if (Dropped is var dropped && dropped > _droppedTold && now >= _nextNoticeMs)
        {
            GatewayLog.AccessLogDropped(_logger, dropped - _droppedTold);
            _droppedTold = dropped;
            _nextNoticeMs = now + (long)s_noticeInterval.TotalMilliseconds;
        }
    }
}
