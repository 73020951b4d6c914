using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Transport.Linux;
using Transport.Linux.Connections;
using Transport.Linux.Interop;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Tls;

namespace Yarp.Splice.Listening;

/// <summary>
/// An accepted socket whose first bytes have to be read before its route is known, or who its client is: a PROXY protocol header, a ClientHello, or
/// one after the other. Receives what they take, and no more than one chunk past it, on the event loop that accepted it. The socket itself is the
/// one timer that it needs.
/// </summary>
internal sealed class SocketPreread(PortAcceptHandler port, EventLoop loop, int descriptor, EndPoint peer) : EventLoopTimer, IReadinessHandler
{
    private const int ChunkSize = 16 * 1024;

    // One for each event loop: most hellos are complete with the first receive, and only then is memory of their size taken.
    [ThreadStatic]
    private static byte[]? s_chunk;

    private ClientHelloReader _reader;
    private EventRegistration? _registration;
    private byte[] _bytes = [];
    private int _length;
    private int _headerLength;
    private bool _needsHello;
    private Shortage? _shortage;

    public EventLoop Loop => loop;

    public int Descriptor => descriptor;

    /// <summary>The client: the peer, or whoever the peer's PROXY protocol header names.</summary>
    public ClientFacts Client { get; private set; } = new(peer) { AcceptedAt = Stopwatch.GetTimestamp() };

    /// <summary>Whether a PROXY protocol header has to come, and has not come yet.</summary>
    public bool AwaitsHeader { get; private set; }

    /// <summary>What was received, from the client's first byte on.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(_headerLength, _length - _headerLength);

    /// <summary>On the event loop, once.</summary>
    public void Begin(TcpPortRoutes routes)
    {
        AwaitsHeader = routes.TrustedProxies is not null;
        _needsHello = routes.NeedsClientHello;
        if (TryFinish())
        {
            return;
        }

        try
        {
            _registration = loop.Register(descriptor, Readiness.Readable | Readiness.ReadHangUp, this);
            // One for everything that is waited for, not for the next byte of it.
            loop.Arm(this, routes.PrereadTimeout);
            port.Waiting.Add(this);
        }
        catch (SocketException)
        {
            // Out of memory or of epoll watches (epoll_ctl(2)).
            Leave();
            _ = SocketCalls.Close(descriptor);
        }
    }

    /// <summary>On the event loop: the port is closed.</summary>
    public void Close()
    {
        Leave();
        port.OnClosedInPreread(this);
    }

    public void OnReady(Readiness readiness) => TryFinish();

    protected override void OnTimer()
    {
        Leave();
        port.OnPrereadTimeout(this);
    }

    private bool TryFinish()
    {
        var chunk = s_chunk ??= new byte[ChunkSize];
        while (true)
        {
            var received = (int)SocketCalls.Receive(descriptor, chunk);
            if (received == -Errno.EAGAIN)
            {
                return false;
            }

            if (MemoryShortage.IsCauseOf(-received) && (_shortage ??= new Shortage(this)).TryBeginPause())
            {
                return false;
            }

            // A proxy that closes without a byte has only asked whether the port is open.
            if (received < 0 || (received == 0 && AwaitsHeader && _length == 0))
            {
                Leave();
                if (received < 0)
                {
                    port.OnPrereadFailed();
                }

                _ = SocketCalls.Close(descriptor);
                return true;
            }

            Append(chunk.AsSpan(0, received));
            if (TryReadHeader(isEnded: received == 0) ?? TryReadHello(isEnded: received == 0))
            {
                return true;
            }
        }
    }

    /// <summary>Whether there is nothing more to do, or <see langword="null"/> if it goes on with what follows the header.</summary>
    private bool? TryReadHeader(bool isEnded)
    {
        if (!AwaitsHeader)
        {
            return null;
        }

        switch (ProxyHeaderReader.Read(_bytes.AsSpan(0, _length), out var header))
        {
            case ProxyHeaderStatus.NeedMore when !isEnded:
                return false;
            case ProxyHeaderStatus.Complete:
                AwaitsHeader = false;
                _headerLength = header.Length;
                if (header.Source is not null)
                {
                    Client = Client with { RemoteEndPoint = header.Source, LocalEndPoint = header.Destination };
                }

                return null;
            default:
                Leave();
                port.OnHeaderMalformed(this);
                return true;
        }
    }

    private bool TryReadHello(bool isEnded)
    {
        if (!_needsHello)
        {
            Leave();
            port.OnPreread(this, null);
            return true;
        }

        var status = _reader.Read(new ReadOnlySequence<byte>(_bytes, _headerLength, _length - _headerLength), out var hello);
        if (status == ClientHelloStatus.NeedMore && !isEnded)
        {
            return false;
        }

        Leave();
        port.OnPreread(this, hello);
        return true;
    }

    private void Append(ReadOnlySpan<byte> received)
    {
        if (_bytes.Length < _length + received.Length)
        {
            // Of the right size for the first, which is mostly the only one; doubled after that, so that a dribble costs no more.
            Array.Resize(ref _bytes, Math.Max(_length + received.Length, 2 * _length));
        }

        received.CopyTo(_bytes.AsSpan(_length));
        _length += received.Length;
    }

    private void Leave()
    {
        _shortage?.End();
        if (_registration is { } registration)
        {
            loop.Unregister(registration);
            loop.Cancel(this);
            port.Waiting.Remove(this);
        }
    }

    /// <summary>The kernel has no memory for a receive: the next try.</summary>
    private sealed class Shortage(SocketPreread preread) : EventLoopTimer
    {
        private MemoryShortage _shortage;

        /// <summary>False if the shortage has lasted too long.</summary>
        public bool TryBeginPause()
        {
            if (_shortage.NextPause() is not { } pause)
            {
                return false;
            }

            preread.Loop.Arm(this, pause);
            return true;
        }

        public void End() => preread.Loop.Cancel(this);

        protected override void OnTimer() => preread.TryFinish();
    }
}
