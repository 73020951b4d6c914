using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux.EventLoops;
using Transport.Linux.Files;

namespace Transport.Linux.Connections;

/// <summary>Makes connections with the memory pool and the pipe options of their event loop.</summary>
internal sealed class LinuxConnectionFactory
{
    /// <summary>Kestrel's switch: FIN instead of RST when a connection ends with an error.</summary>
    private const string FinOnErrorSwitch = "Microsoft.AspNetCore.Server.Kestrel.FinOnError";

    private readonly Lazy<LoopState[]> _states;
    private readonly LinuxTransportOptions _options;
    private readonly ILogger _logger;
    private readonly bool _sendsFiles;
    private readonly bool _finOnError;

    public LinuxConnectionFactory(
        EventLoopGroup loops, LinuxTransportOptions options, IMemoryPoolFactory<byte>? memoryPoolFactory, bool sendsFiles, ILogger logger)
    {
        _options = options;
        _sendsFiles = sendsFiles;
        _logger = logger;
        AppContext.TryGetSwitch(FinOnErrorSwitch, out _finOnError);
        _states = new Lazy<LoopState[]>(() => [.. loops.Loops.Select(loop => CreateState(loop, loops.NodeMemory.CreatePool(loop.Cpu), memoryPoolFactory))]);
    }

    public LinuxConnection Create(in AcceptedSocket socket)
    {
        var state = _states.Value[socket.Loop.Index];
        return new LinuxConnection(socket, state.MemoryPool, state.InputOptions, state.OutputOptions, _options, _sendsFiles, _finOnError, _logger);
    }

    private LoopState CreateState(EventLoop loop, MemoryPool<byte>? nodePool, IMemoryPoolFactory<byte>? memoryPoolFactory)
    {
        var pool = nodePool ?? memoryPoolFactory?.Create(new MemoryPoolOptions { Owner = "kestrel" }) ?? MemoryPool<byte>.Shared;
        var application = new ApplicationScheduler(loop, _options.UnsafePreferInlineScheduling);
        var maxRead = _options.MaxReadBufferSize ?? 0;
        var maxWrite = _options.MaxWriteBufferSize ?? 0;
        return new LoopState(
            pool,
            new PipeOptions(pool, application, new EventLoopScheduler(loop), maxRead, maxRead / 2, useSynchronizationContext: false),
            new PipeOptions(
                _sendsFiles ? new FileSegmentPool(pool) : pool, SendScheduler.Instance, application, maxWrite, maxWrite / 2, useSynchronizationContext: false));
    }

    private sealed record LoopState(MemoryPool<byte> MemoryPool, PipeOptions InputOptions, PipeOptions OutputOptions);

    /// <summary>Received bytes wake the application, and so does room for more output.</summary>
    private sealed class ApplicationScheduler(EventLoop loop, bool isInline) : PipeScheduler
    {
        public override void Schedule(Action<object?> action, object? state) => loop.RunApplication(action, state, isInline);
    }

    /// <summary>Flushed bytes are sent by the thread that flushed them.</summary>
    private sealed class SendScheduler : PipeScheduler
    {
        public static readonly SendScheduler Instance = new();

        public override void Schedule(Action<object?> action, object? state) => ApplicationDispatch.Send(action, state);
    }

    private sealed class EventLoopScheduler(EventLoop loop) : PipeScheduler
    {
        public override void Schedule(Action<object?> action, object? state) => loop.Post(action, state);
    }
}
