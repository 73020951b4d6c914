using System.Net;
using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>
/// The part of a listener that lives on one event loop: accepts when epoll says so, level-triggered, a bounded number at a time. When
/// descriptors or memory run out it pauses for a moment instead of spinning on a queue that it cannot empty.
/// </summary>
internal sealed class LoopListener(EventLoop loop, int descriptor, bool isShared, EndPoint endPoint, IAcceptHandler handler, ILogger logger)
    : EventLoopTimer, IReadinessHandler
{
    /// <summary>So that a storm of new connections does not keep the loop from the established ones.</summary>
    private const int MaxAcceptsPerEvent = 64;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EventRegistration _registration;
    private bool _isPaused;
    private bool _isShort;
    private bool _isStopped;

    /// <summary>Set when several loops accept from one socket.</summary>
    public SharedDescriptor? Shared { get; init; }

    /// <summary>Whether accepted sockets acknowledge at once. The one option that a listener does not pass on.</summary>
    public bool QuickAck { get; init; }

    private EventLoop Loop => loop;

    private int Descriptor => descriptor;

    /// <summary>Whether the metrics can ask for a queue here: TCP has one, and one that all loops share is the first loop's.</summary>
    private bool HasAcceptQueue => endPoint is IPEndPoint && (!isShared || loop.Index == 0);

    // One waiter at a time is woken on a shared socket (epoll_ctl(2), EPOLLEXCLUSIVE); it cannot be changed with EPOLL_CTL_MOD.
    private uint Interest => (uint)Readiness.Readable | (isShared ? EpollCalls.EPOLLEXCLUSIVE : 0);

    public void Start() => loop.Post(static state =>
    {
        var listener = (LoopListener)state!;
        listener._registration = listener.Register();
        if (listener.HasAcceptQueue)
        {
            listener.Loop.AcceptQueues.Add(listener.Descriptor);
        }
    }, this);

    public Task StopAsync()
    {
        loop.Post(static state => ((LoopListener)state!).Stop(), this);
        return _stopped.Task;
    }

    public void OnReady(Readiness readiness) => Accept(MaxAcceptsPerEvent);

    protected internal override void OnTimer()
    {
        Resume();
        _registration = Register();
    }

    private void Resume()
    {
        if (_isPaused)
        {
            _isPaused = false;
            loop.Counters.CountPaused(-1);
        }
    }

    private EventRegistration Register() => loop.Register(descriptor, Interest, this);

    private void Accept(int limit)
    {
        Span<byte> address = stackalloc byte[NativeSocketAddress.MaxLength];
        for (var i = 0; i < limit; i++)
        {
            var accepted = SocketCalls.Accept(descriptor, address, out var addressLength);
            if (accepted >= 0)
            {
                _isShort = false;
                loop.Counters.CountAccepted();
                if (QuickAck)
                {
                    _ = SocketCalls.SetOption(accepted, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_QUICKACK, 1);
                }

                handler.OnAccepted(new AcceptedSocket(loop, accepted, address[..addressLength], endPoint));
                continue;
            }

            switch (-accepted)
            {
                case Errno.EAGAIN:
                    return;
                case Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM:
                    Pause(-accepted);
                    return;
                case Errno.ECONNABORTED or Errno.EPROTO or Errno.EPERM or Errno.EOPNOTSUPP or Errno.ENETDOWN or Errno.ENETUNREACH
                    or Errno.EHOSTUNREACH or Errno.ETIMEDOUT:
                    // Errors of the connection that was being accepted, which Linux reports here (accept(2)).
                    continue;
                default:
                    Pause(-accepted);
                    return;
            }
        }
    }

    private void Pause(int errno)
    {
        if (_isPaused)
        {
            return;
        }

        _isPaused = true;
        loop.Counters.CountPaused(1);
        if (!_isShort)
        {
            // Once for each shortage, not once for each try.
            _isShort = true;
            TransportLog.AcceptPaused(logger, endPoint, Errno.Describe(errno));
        }

        loop.Unregister(_registration);
        loop.Arm(this, s_pause);
    }

    private void Stop()
    {
        if (_isStopped)
        {
            return;
        }

        _isStopped = true;
        if (!loop.HasFailed)
        {
            // What the kernel has queued was promised to clients: they are connected already.
            Accept(int.MaxValue);
        }

        loop.AcceptQueues.Remove(descriptor);
        loop.Cancel(this);
        Resume();
        loop.Unregister(_registration);
        if (Shared is not null)
        {
            Shared.Release();
        }
        else
        {
            _ = SocketCalls.Close(descriptor);
        }

        _stopped.TrySetResult();
    }
}
