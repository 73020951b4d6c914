using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux.EventLoops;
using Transport.Linux.Files;
using Transport.Linux.Interop;
using Transport.Linux.Kestrel;
using Transport.Linux.Metrics;

namespace Transport.Linux.Connections;

/// <summary>
/// One accepted connection under Kestrel: bytes are received on the event loop into the input pipe, and sent from the output pipe by the
/// thread that flushed it. The send loop's end closes the descriptor, on whatever thread that is, so that a short connection needs no hop; the
/// lock keeps that from happening in the middle of a receive.
/// </summary>
internal sealed partial class LinuxConnection : ConnectionContext, IReadinessHandler
{
    private const Readiness Interest = Readiness.Readable | Readiness.Writable | Readiness.ReadHangUp;

    private static long s_lastId = DateTime.UtcNow.Ticks;

    private readonly EventLoop _loop;
    private readonly int _descriptor;
    private readonly ILogger _logger;
    private readonly LinuxTransportOptions _options;
    private readonly bool _finOnError;
    private readonly DuplexPipe _originalTransport;
    private readonly PipeWriter _input;
    private readonly PipeReader _output;
    private readonly CancellationTokenSource _closedSource = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _abortLock = new();
    private readonly Lock _receiveLock = new();

    private LinuxConnectionListener? _listener;
    private EventRegistration _registration;
    private volatile ConnectionAbortedException? _abortReason;
    private string? _connectionId;
    private SentBytes _sentBytes;
    private bool _isClosedFired;

    public LinuxConnection(
        in AcceptedSocket socket,
        MemoryPool<byte> memoryPool,
        PipeOptions inputOptions,
        PipeOptions outputOptions,
        LinuxTransportOptions options,
        bool sendsFiles,
        bool finOnError,
        ILogger logger)
    {
        _loop = socket.Loop;
        _descriptor = socket.Descriptor;
        _logger = logger;
        _options = options;
        _finOnError = finOnError;
        MemoryPool = memoryPool;
        LocalEndPoint = socket.GetLocalEndPoint();
        RemoteEndPoint = socket.GetRemoteEndPoint();
        // A Unix socket would ignore MSG_ZEROCOPY and report nothing.
        _zeroCopyThreshold = LocalEndPoint is IPEndPoint && options.ZeroCopySendThreshold is { } threshold ? threshold : long.MaxValue;
        ConnectionClosed = _closedSource.Token;

        var input = new Pipe(inputOptions);
        var output = new Pipe(outputOptions);
        _input = input.Writer;
        _output = output.Reader;
        // Middleware (TLS, logging) may put another pipe in Transport's place; disposal must still find this one.
        _fileWriter = sendsFiles ? new FileOutputWriter(output.Writer) : null;
        _originalTransport = new DuplexPipe(input.Reader, _fileWriter ?? output.Writer);
        Transport = _originalTransport;
    }

    public override string ConnectionId
    {
        get => _connectionId ??= ConnectionIds.ToText(Interlocked.Increment(ref s_lastId));
        set => _connectionId = value;
    }

    public override IDuplexPipe Transport { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public override CancellationToken ConnectionClosed { get; set; }

    public MemoryPool<byte> MemoryPool { get; }

    public EventLoop Loop => _loop;

    /// <summary>Begins to receive and send. On the event loop.</summary>
    /// <param name="listener">Whom to give the connection to with its first bytes; <see langword="null"/> if somebody has it already.</param>
    public void Start(LinuxConnectionListener? listener)
    {
        _listener = listener;
        try
        {
            if (!_options.WaitForDataBeforeAllocatingBuffer)
            {
                _ = _input.GetMemory(MinReceiveBufferSize);
            }

            _registration = _loop.Register(_descriptor, Interest, this);
        }
        catch
        {
            // Nobody knows of the connection yet, so nobody else would close it, or give its buffer back.
            CompleteInput(null);
            _originalTransport.Input.Complete();
            _ = SocketCalls.Close(_descriptor);
            throw;
        }

        _loop.Counters.CountOpened();
        _ = SendAsync();
    }

    public void OnReady(Readiness readiness)
    {
        _sentBytes.CountInto(_loop.Counters);
        _files?.CountInto(_loop.Counters);
        if (_zeroCopy is { } sends)
        {
            sends.CountInto(_loop.Counters);
            readiness = (readiness & Readiness.Error) != 0 ? OnErrorQueue(readiness) : readiness;
        }

        if ((readiness & (Readiness.Writable | Readiness.Error | Readiness.HangUp)) != 0)
        {
            SignalWritable();
        }

        if ((readiness & ~Readiness.Writable) != 0)
        {
            Receive(readiness);
            HandOver();
        }
    }

    /// <summary>Runs application code that Kestrel has set off, up to its first wait, as the dispatches that follow are run.</summary>
    public Task RunFirst(ConnectionDelegate next) => new ApplicationDispatch(_loop, isOnLoop: false).Run(next, this);

    /// <summary>Gives the connection to Kestrel, if that has not happened. On the event loop.</summary>
    public void HandOver()
    {
        if (_listener is { } listener)
        {
            _listener = null;
            listener.Hand(this);
        }
    }

    public override void Abort() => Abort(new ConnectionAbortedException("The connection was aborted by the application."));

    public override void Abort(ConnectionAbortedException abortReason)
    {
        lock (_abortLock)
        {
            if (_abortReason is not null)
            {
                return;
            }

            _abortReason = abortReason;
            if (_hasLeft)
            {
                // Whoever has the descriptor now hears of it only by the token.
                FireConnectionClosed();
                return;
            }
        }

        // Whatever the send loop waits for, it ends now, and its end closes the descriptor.
        _output.CancelPendingRead();
        SignalWritable();
    }

    public override async ValueTask DisposeAsync()
    {
        _originalTransport.Input.Complete();
        _originalTransport.Output.Complete();
        ApplicationDispatch.SendHeld();
        await _ended.Task;

        // The application is done with the connection, so what is registered with the token may run here.
        CancelClosedSourceOnce();
        _closedSource.Dispose();
        await base.DisposeAsync();
    }

    /// <summary>The last step of a connection that was not detached, after the send loop has ended. On any thread.</summary>
    private void Close(Exception? sendError)
    {
        var reason = sendError ?? _abortReason;
        var isReset = reason is not null && !_finOnError;
        reason ??= new ConnectionAbortedException("The Socket transport's send loop completed gracefully.");
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            LogClose(isReset, reason.Message);
        }

        // Before the descriptor goes: from here on nothing is received.
        CompleteInput(reason);
        if (isReset)
        {
            _ = SocketCalls.SetLingerZero(_descriptor);
        }
        else
        {
            // What the send loop left to go with the FIN leaves now. A close alone would drop it, and send RST, if there are unread bytes.
            _ = SocketCalls.Shutdown(_descriptor, SocketCalls.SHUT_RDWR);
        }

        _ = SocketCalls.Close(_descriptor);
        _ended.TrySetResult();
        FailDetach(sendError ?? _abortReason);

        // The kernel forgets the registration with the close; the loop's table may do so when the loop comes round to it. By then the disposal
        // has normally told that the connection is closed.
        _loop.PostWithoutHurry(static connection => ((LinuxConnection)connection!).FinishClose(), this);
    }

    private void FinishClose()
    {
        _loop.Forget(_registration);
        EndSendDeadline();
        _sentBytes.CountInto(_loop.Counters);
        _zeroCopy?.CountInto(_loop.Counters);
        _files?.CountInto(_loop.Counters);
        _loop.Counters.CountClosed();
        FireConnectionClosed();
    }

    private void LogClose(bool isReset, string reason)
    {
        if (isReset)
        {
            TransportLog.ConnectionWriteRst(_logger, ConnectionId, reason);
        }
        else
        {
            TransportLog.ConnectionWriteFin(_logger, ConnectionId, reason);
        }
    }

    /// <summary>Tells Kestrel that the peer is gone or going.</summary>
    private void FireConnectionClosed()
    {
        if (Interlocked.Exchange(ref _isClosedFired, true))
        {
            return;
        }

        _loop.RunApplication(static connection => ((LinuxConnection)connection!).CancelClosedSource(), this, isInline: false);
    }

    private void CancelClosedSourceOnce()
    {
        if (!Interlocked.Exchange(ref _isClosedFired, true))
        {
            CancelClosedSource();
        }
    }

    private void CancelClosedSource()
    {
        try
        {
            _closedSource.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The connection was disposed before the pool came round to this.
        }
        catch (AggregateException exception)
        {
            TransportLog.ConnectionError(_logger, ConnectionId, exception);
        }
    }

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
