using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Tls;

namespace Yarp.Splice.Listening;

/// <summary>
/// An accepted socket whose route depends on its TLS server name. Receives what the name takes, and no more than one chunk past it, on the event
/// loop that accepted it. The socket itself is the one timer that it needs.
/// </summary>
internal sealed class SocketPreread(PortAcceptHandler port, EventLoop loop, int descriptor, EndPoint remoteEndPoint)
    : EventLoopTimer, IReadinessHandler
{
    private const int ChunkSize = 16 * 1024;

    // One for each event loop: most hellos are complete with the first receive, and only then is memory of their size taken.
    [ThreadStatic]
    private static byte[]? s_chunk;

    private ClientHelloReader _reader;
    private EventRegistration? _registration;
    private byte[] _bytes = [];
    private int _length;

    public EventLoop Loop => loop;

    public int Descriptor => descriptor;

    public ClientFacts Client { get; } = new(remoteEndPoint) { AcceptedAt = Stopwatch.GetTimestamp() };

    /// <summary>What was received, from the first byte on.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    /// <summary>On the event loop, once.</summary>
    public void Begin(TcpPortRoutes routes)
    {
        if (TryFinish())
        {
            return;
        }

        try
        {
            _registration = loop.Register(descriptor, Readiness.Readable | Readiness.ReadHangUp, this);
            loop.Arm(this, routes.PrereadTimeout);
        }
        catch (SocketException)
        {
            // Out of memory or of epoll watches (epoll_ctl(2)).
            _ = SocketCalls.Close(descriptor);
        }
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

            if (received < 0)
            {
                Leave();
                _ = SocketCalls.Close(descriptor);
                port.OnPrereadFailed();
                return true;
            }

            Append(chunk.AsSpan(0, received));
            var status = _reader.Read(new ReadOnlySequence<byte>(_bytes, 0, _length), out var hello);
            if (status != ClientHelloStatus.NeedMore || received == 0)
            {
                Leave();
                port.OnPreread(this, hello.ServerName);
                return true;
            }
        }
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
        if (_registration is { } registration)
        {
            loop.Unregister(registration);
            loop.Cancel(this);
        }
    }
}
