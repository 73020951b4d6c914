using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Win32.SafeHandles;
using Transport.Linux.Listening;

namespace Transport.Linux;

/// <content>Listening goes from one process to the next, and no listening socket is closed on the way.</content>
public sealed partial class EventLoopGroup
{
    private readonly Lock _listeningLock = new();
    private readonly List<SocketListener> _listeners = [];
    private readonly InheritedSockets _inherited = new();
    private bool _hasHandedOver;

    /// <summary>The listeners that are open now.</summary>
    public IReadOnlyList<SocketListener> Listeners
    {
        get
        {
            lock (_listeningLock)
            {
                _listeners.RemoveAll(static listener => listener.HasStopped);
                return [.. _listeners];
            }
        }
    }

    /// <summary>Whether <see cref="HandOverAsync"/> has been called.</summary>
    public bool HasHandedOver
    {
        get
        {
            lock (_listeningLock)
            {
                return _hasHandedOver;
            }
        }
    }

    /// <summary>Kestrel's connections that are open, and the bytes that Kestrel's connections have moved until now.</summary>
    public ConnectionActivity Activity
    {
        get
        {
            var (open, bytes) = (0L, 0L);
            foreach (var loop in _loops.IsValueCreated ? _loops.Value : [])
            {
                open += loop.Counters.ActiveConnections;
                bytes += loop.Counters.BytesReceived + loop.Counters.BytesSent;
            }

            return new ConnectionActivity(open, bytes);
        }
    }

    /// <summary>
    /// Takes listening sockets that another process has passed on (<see cref="SocketListener.DuplicateSockets"/>). A later <see cref="Listen"/> on their
    /// address uses them instead of opening its own, whatever <see cref="LinuxTransportOptions.ThreadCount"/> was there, and accepts nothing until
    /// <see cref="AcceptInherited"/>: until then the other process serves alone, and this one may still fail without anybody noticing.
    /// </summary>
    /// <param name="sockets">All sockets of one listener, in their order. They belong to the group from here on, also after an exception.</param>
    /// <returns>The address that they listen on.</returns>
    /// <exception cref="ArgumentException">There is none, one does not listen, or they listen on different addresses.</exception>
    public EndPoint Inherit(IReadOnlyList<SafeFileHandle> sockets)
    {
        ArgumentNullException.ThrowIfNull(sockets);
        lock (_listeningLock)
        {
            return _inherited.Add(sockets);
        }
    }

    /// <summary>Begins to accept on the sockets that <see cref="Listen"/> has used of <see cref="Inherit"/>, and closes the others.</summary>
    /// <returns>The addresses that are accepted on now.</returns>
    public IReadOnlyList<EndPoint> AcceptInherited()
    {
        lock (_listeningLock)
        {
            return _inherited.Start();
        }
    }

    /// <summary>
    /// Stops listening, for good, because another process has duplicates of the sockets. The queues of those that it uses are left to it. The others are
    /// closed as <see cref="SocketListener.StopAsync"/> does, when what waits in their queues has been accepted.
    /// </summary>
    /// <param name="isTaken">Whether the other process accepts on that address.</param>
    /// <returns>A task that ends when nothing is accepted any more.</returns>
    public Task HandOverAsync(Func<EndPoint, bool> isTaken)
    {
        ArgumentNullException.ThrowIfNull(isTaken);
        lock (_listeningLock)
        {
            _hasHandedOver = true;
            return Task.WhenAll(_listeners.Select(listener => isTaken(listener.EndPoint) ? listener.ReleaseAsync() : listener.StopAsync()));
        }
    }

    private SocketListener ListenCore(EndPoint endPoint, IAcceptHandler handler)
    {
        lock (_listeningLock)
        {
            if (_hasHandedOver)
            {
                throw new InvalidOperationException($"{endPoint} is not listened on: the process has handed listening over to another one.");
            }

            _listeners.RemoveAll(static listener => listener.HasStopped);
            SocketListener listener;
            if (endPoint is not FileHandleEndPoint && _inherited.Take(endPoint) is { } sockets)
            {
                listener = SocketListener.Adopt(endPoint, sockets, handler, _loops.Value, _options, _logger);
                _inherited.Hold(listener);
            }
            else
            {
                listener = SocketListener.Create(endPoint, handler, _loops.Value, _options, _logger);
                listener.Start();
            }

            _listeners.Add(listener);
            return listener;
        }
    }
}
