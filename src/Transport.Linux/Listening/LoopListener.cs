using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Transport.Linux.Descriptors;
using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>
/// The part of a listener that lives on one event loop: accepts when epoll says so, level-triggered, a bounded number at a time. When
/// descriptors or memory run out it pauses for a moment instead of spinning on a queue that it cannot empty.
/// </summary>
internal sealed class LoopListener(EventLoop loop, int descriptor, EndPoint endPoint, IAcceptHandler handler, ILogger logger)
    : EventLoopTimer, IReadinessHandler
{
    /// <summary>So that a storm of new connections does not keep the loop from the established ones.</summary>
    private const int MaxAcceptsPerEvent = 64;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly DescriptorReserve _reserve = loop.Descriptors;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EventRegistration _registration;
    private bool _isPaused;
    private bool _isShort;
    private bool _isStopped;

    /// <summary>The socket, which other loops may accept from too.</summary>
    public required SharedDescriptor Shared { get; init; }

    /// <summary>Whether the metrics ask for the socket's queue here: TCP has one, and one that several loops share belongs to the first of them.</summary>
    public bool HasAcceptQueue { get; init; }

    /// <summary>What the loops that accept on the endpoint have in common when they cannot.</summary>
    public required AcceptShortage Shortage { get; init; }

    /// <summary>Whether accepted sockets acknowledge at once. The one option that a listener does not pass on.</summary>
    public bool QuickAck { get; init; }

    // One waiter at a time is woken on a shared socket (epoll_ctl(2), EPOLLEXCLUSIVE); it cannot be changed with EPOLL_CTL_MOD.
    private uint Interest => (uint)Readiness.Readable | (Shared.IsShared ? EpollCalls.EPOLLEXCLUSIVE : 0);

    public void Start() => loop.Post(static state => ((LoopListener)state!).Begin(), this);

    /// <summary>Stops when everything is accepted that the kernel has queued: it was promised to clients, who are connected already.</summary>
    public Task StopAsync()
    {
        loop.Post(static state => ((LoopListener)state!).Stop(emptiesQueue: true), this);
        return _stopped.Task;
    }

    /// <summary>Stops and leaves the queue to another process, which has a descriptor of the same socket.</summary>
    public Task ReleaseAsync()
    {
        loop.Post(static state => ((LoopListener)state!).Stop(emptiesQueue: false), this);
        return _stopped.Task;
    }

    public void OnReady(Readiness readiness) => Accept(MaxAcceptsPerEvent);

    protected internal override void OnTimer()
    {
        if (!TryRegister())
        {
            loop.Arm(this, s_pause);
            return;
        }

        Resume();
        // At once, because only an empty queue ends a shortage, and epoll does not report that.
        Accept(MaxAcceptsPerEvent);
    }

    private void Begin()
    {
        if (HasAcceptQueue)
        {
            loop.AcceptQueues.Add(descriptor);
        }

        try
        {
            _registration = Register();
        }
        catch (SocketException exception)
        {
            Pause(exception.Message.TrimEnd('.'));
        }
    }

    private bool TryRegister()
    {
        if (_reserve.IsReached(descriptor))
        {
            return false;
        }

        try
        {
            _registration = Register();
            return true;
        }
        catch (SocketException)
        {
            // What was short is still short: epoll_ctl(2) needs memory too.
            return false;
        }
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
            if (_isShort && _reserve.IsReached(descriptor))
            {
                Pause(_reserve.Reason);
                return;
            }

            var accepted = SocketCalls.Accept(descriptor, address, out var addressLength);
            if (accepted >= 0)
            {
                loop.Counters.CountAccepted();
                if (endPoint is IPEndPoint && loop.Locality?.IsLocal(accepted) is { } isLocal)
                {
                    loop.Counters.CountLocality(isLocal);
                }

                if (QuickAck)
                {
                    _ = SocketCalls.SetOption(accepted, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_QUICKACK, 1);
                }

                try
                {
                    handler.OnAccepted(new AcceptedSocket(loop, accepted, address[..addressLength], endPoint));
                }
                catch (SocketException exception)
                {
                    // Out of memory or of epoll watches (epoll_ctl(2)): this connection is lost, the next ones wait in the queue.
                    Pause(exception.Message.TrimEnd('.'));
                    return;
                }

                if (_reserve.IsReachedBy(accepted))
                {
                    Pause(_reserve.Reason);
                    return;
                }

                continue;
            }

            switch (-accepted)
            {
                case Errno.EAGAIN:
                    EndShortage();
                    return;
                case Errno.ECONNABORTED or Errno.EPROTO or Errno.EPERM or Errno.EOPNOTSUPP or Errno.ENETDOWN or Errno.ENETUNREACH
                    or Errno.EHOSTUNREACH or Errno.ETIMEDOUT:
                    // Errors of the connection that was being accepted, which Linux reports here (accept(2)).
                    continue;
                default:
                    // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the queue, and trying at once would be in vain.
                    Pause(Errno.Describe(-accepted));
                    return;
            }
        }
    }

    private void Pause(string reason)
    {
        if (_isPaused)
        {
            return;
        }

        _isPaused = true;
        loop.Counters.CountPaused(1);
        if (!_isShort)
        {
            // Once for each shortage, not once for each try or for each connection that fits in between.
            _isShort = true;
            if (Shortage.Begin())
            {
                TransportLog.AcceptPaused(logger, endPoint, reason);
            }
        }

        loop.Unregister(_registration);
        loop.Arm(this, s_pause);
    }

    private void EndShortage()
    {
        if (_isShort)
        {
            _isShort = false;
            Shortage.End();
        }
    }

    private void Stop(bool emptiesQueue)
    {
        if (_isStopped)
        {
            return;
        }

        _isStopped = true;
        if (emptiesQueue && !loop.HasFailed)
        {
            Accept(int.MaxValue);
        }

        loop.AcceptQueues.Remove(descriptor);
        loop.Cancel(this);
        Resume();
        loop.Unregister(_registration);
        Shared.Release();
        _stopped.TrySetResult();
    }
}
