using Transport.Linux;
using Transport.Linux.Interop;

namespace Yarp.Splice.Relay;

/// <summary>
/// One of a session's two sockets, and what is known of its readiness. Registered once, edge-triggered, for everything: readiness is
/// remembered here until a call says that it is used up, so that blocked directions cost no system call.
/// </summary>
internal sealed class RelayEndpoint(RelaySession session, int descriptor) : IReadinessHandler
{
    private const Readiness Everything = Readiness.Readable | Readiness.Writable | Readiness.ReadHangUp | Readiness.Urgent;
    private const Readiness EndOfStream = Readiness.ReadHangUp | Readiness.HangUp | Readiness.Error;

    private EventRegistration _registration;
    private Readiness _interest = Everything;
    private bool _isRegistered;

    public int Descriptor => descriptor;

    public bool IsClosed { get; private set; }

    /// <summary>Whether a read may return something: bytes, the end of the stream, or an error.</summary>
    public bool IsReadable { get; set; }

    /// <summary>Whether a write may take something.</summary>
    public bool IsWritable { get; set; }

    /// <summary>
    /// Whether an end or an error of the stream has been reported. It is reported once: from then on a short read does not mean that the
    /// socket is empty, only a read of zero or an error does.
    /// </summary>
    public bool IsEndSeen { get; private set; }

    /// <summary>
    /// Whether urgent data has come (tcp(7)). It is relayed as an ordinary byte in its place (SO_OOBINLINE); but from then on a short read does
    /// not mean that the socket is empty, and splice(2) does not pass it at all.
    /// </summary>
    public bool IsUrgentSeen { get; set; }

    /// <summary>Whether the socket was reset or has failed. The kernel says so once: to a call, or else as an event.</summary>
    public bool IsFailed { get; set; }

    public void Register(EventLoop loop)
    {
        _registration = loop.Register(descriptor, _interest, this);
        _isRegistered = true;
    }

    /// <summary>Reports only the end of the stream from now on, and what else is named.</summary>
    public void LimitInterest(EventLoop loop, bool readable, bool writable)
    {
        var interest = Readiness.ReadHangUp | (readable ? Readiness.Readable : 0) | (writable ? Readiness.Writable : 0);
        if (interest != _interest)
        {
            _interest = interest;
            loop.Modify(_registration, interest);
        }
    }

    public void OnReady(Readiness readiness)
    {
        IsEndSeen |= (readiness & EndOfStream) != 0;
        IsUrgentSeen |= (readiness & Readiness.Urgent) != 0;
        IsFailed |= (readiness & Readiness.Error) != 0;
        IsReadable |= (readiness & (Readiness.Readable | Readiness.Urgent | EndOfStream)) != 0;
        IsWritable |= (readiness & (Readiness.Writable | Readiness.HangUp | Readiness.Error)) != 0;
        session.OnEndpointReady(this, readiness);
    }

    /// <summary>
    /// Lets at most so many bytes wait unsent in the kernel (TCP_NOTSENT_LOWAT, tcp(7)), where no smaller limit is set. Otherwise the send buffer
    /// of a reader that has stalled grows to megabytes (net.ipv4.tcp_wmem) which the peer's window keeps from leaving; what is on its way is
    /// not limited, so throughput is not either.
    /// </summary>
    public void LimitUnsent(int bytes)
    {
        // Unix sockets refuse; they have no such buffer.
        if (SocketCalls.GetOption(descriptor, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NOTSENT_LOWAT, out var limit) == 0 &&
            (limit == 0 || limit > bytes))
        {
            _ = SocketCalls.SetOption(descriptor, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NOTSENT_LOWAT, bytes);
        }
    }

    /// <summary>
    /// The socket's pending error number, zero if there is none. Asking clears it (socket(7), SO_ERROR), and is not needed where epoll reports none:
    /// the kernel sets the error before the state that shows as a hang-up.
    /// </summary>
    /// <param name="readiness">What epoll has reported.</param>
    public int TakeError(Readiness readiness)
    {
        if ((readiness & Readiness.Error) == 0)
        {
            return 0;
        }

        var result = SocketCalls.GetOption(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_ERROR, out var error);
        return result < 0 ? -result : error;
    }

    /// <summary>Closes the socket, with FIN after what is queued, or with RST.</summary>
    public void Close(EventLoop loop, bool reset)
    {
        if (IsClosed)
        {
            return;
        }

        IsClosed = true;
        if (_isRegistered)
        {
            loop.Forget(_registration);
        }

        if (reset)
        {
            _ = SocketCalls.SetLingerZero(descriptor);
        }

        _ = SocketCalls.Close(descriptor);
    }
}
