using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Transport.Linux.Interop;
using Transport.Linux.Listening;

namespace Transport.Linux;

/// <summary>Listens on one endpoint with every event loop. Created by <see cref="EventLoopGroup.Listen"/>.</summary>
public sealed class SocketListener
{
    private readonly SharedDescriptor[] _sockets;
    private readonly LoopListener[] _listeners;
    private readonly string? _unixPath;
    private bool _isStarted;
    private Task? _stopped;

    private SocketListener(EndPoint endPoint, SharedDescriptor[] sockets, LoopListener[] listeners, string? unixPath)
    {
        EndPoint = endPoint;
        _sockets = sockets;
        _listeners = listeners;
        _unixPath = unixPath;
    }

    /// <summary>The address listened on, with the real port where port 0 was asked for.</summary>
    public EndPoint EndPoint { get; }

    internal bool HasStopped => Volatile.Read(ref _stopped) is not null;

    /// <summary>
    /// Stops listening. Connections that the kernel has completed already are accepted and handed to the handler first; the ones already
    /// handed over are not touched.
    /// </summary>
    /// <returns>A task that ends when every loop's socket is closed. Later calls return the same.</returns>
    public Task StopAsync()
    {
        lock (_listeners)
        {
            return _stopped ??= _isStarted ? StopCoreAsync() : CloseUnused();
        }
    }

    /// <summary>
    /// Duplicates of the listening sockets, to be passed to another process (unix(7), SCM_RIGHTS). They share the accept queues: what this listener does
    /// not accept, the other process can. In the order of the SO_REUSEPORT group, which its steering program counts by; fewer if the listener is being stopped.
    /// </summary>
    /// <returns>Handles that the caller owns.</returns>
    /// <exception cref="SocketException">No descriptor is left.</exception>
    public IReadOnlyList<SafeFileHandle> DuplicateSockets()
    {
        var duplicates = new List<SafeFileHandle>(_sockets.Length);
        try
        {
            foreach (var socket in _sockets)
            {
                if (socket.Duplicate() is { } duplicate)
                {
                    duplicates.Add(duplicate);
                }
            }
        }
        catch
        {
            duplicates.ForEach(static duplicate => duplicate.Dispose());
            throw;
        }

        return duplicates;
    }

    /// <summary>Begins to accept.</summary>
    internal void Start()
    {
        lock (_listeners)
        {
            if (_stopped is not null)
            {
                return;
            }

            _isStarted = true;
            foreach (var listener in _listeners)
            {
                listener.Start();
            }
        }
    }

    /// <summary>As <see cref="StopAsync"/>, but leaves the queues, and the file of a Unix socket, to the process that has duplicates of the sockets.</summary>
    internal Task ReleaseAsync()
    {
        lock (_listeners)
        {
            return _stopped ??= Task.WhenAll(Array.ConvertAll(_listeners, static listener => listener.ReleaseAsync()));
        }
    }

    internal static SocketListener Create(
        EndPoint endPoint, IAcceptHandler handler, EventLoop[] loops, LinuxTransportOptions options, ILogger logger)
    {
        switch (endPoint)
        {
            case IPEndPoint ip:
                var sockets = OpenGroup(ip, loops, options);
                return Create(ListeningSocket.GetLocalEndPoint(sockets[0]) ?? ip, sockets, ownsSockets: true, handler, loops, options, logger);
            case UnixDomainSocketEndPoint unix:
                return Create(unix, [ListeningSocket.Open(unix, options.Backlog)], ownsSockets: true, handler, loops, options, logger);
            case FileHandleEndPoint handle:
                var inherited = ListeningSocket.Adopt(handle, options);
                return Create(
                    ListeningSocket.GetLocalEndPoint(inherited) ?? handle, [inherited], ownsSockets: false, handler, loops, options, logger);
            default:
                throw new NotSupportedException(
                    $"Cannot listen on {endPoint}, a {endPoint.GetType().Name}; accepted are IP, Unix and file-handle endpoints.");
        }
    }

    /// <summary>Listens with the sockets of another process, which it has given away. Nothing is accepted until <see cref="Start"/>.</summary>
    internal static SocketListener Adopt(
        EndPoint endPoint, int[] sockets, IAcceptHandler handler, EventLoop[] loops, LinuxTransportOptions options, ILogger logger)
    {
        try
        {
            foreach (var socket in sockets)
            {
                ListeningSocket.Adopt(socket, endPoint, options);
            }

            if (endPoint is IPEndPoint)
            {
                ConnectionSteering.Change(options.AcceptSteering, sockets, Array.ConvertAll(loops, static loop => loop.Cpu), endPoint);
            }
        }
        catch
        {
            Array.ForEach(sockets, static socket => SocketCalls.Close(socket));
            throw;
        }

        return Create(endPoint, sockets, ownsSockets: true, handler, loops, options, logger);
    }

    /// <summary>One socket for each loop.</summary>
    private static int[] OpenGroup(IPEndPoint endPoint, EventLoop[] loops, LinuxTransportOptions options)
    {
        var sockets = new List<int>(loops.Length);
        try
        {
            // The first socket binds without SO_REUSEPORT, so that an address in use is noticed even if it is used by another
            // process of ours; it gets the option after that, which lets the other sockets of this process join.
            sockets.Add(ListeningSocket.Bind(endPoint, joinsGroup: false, options));
            endPoint = ListeningSocket.GetLocalEndPoint(sockets[0]) as IPEndPoint ?? endPoint;
            for (var i = 1; i < loops.Length; i++)
            {
                sockets.Add(ListeningSocket.Bind(endPoint, joinsGroup: true, options));
            }

            foreach (var socket in sockets)
            {
                ListeningSocket.Listen(socket, endPoint, options.Backlog);
            }

            if (options.AcceptSteering == AcceptSteering.Cpu)
            {
                ConnectionSteering.Attach(sockets, Array.ConvertAll(loops, static loop => loop.Cpu), endPoint);
            }
        }
        catch
        {
            sockets.ForEach(static socket => SocketCalls.Close(socket));
            throw;
        }

        return [.. sockets];
    }

    /// <summary>Loop i accepts from socket i; whichever there are fewer of, are counted through again.</summary>
    private static SocketListener Create(
        EndPoint endPoint, int[] sockets, bool ownsSockets, IAcceptHandler handler, EventLoop[] loops, LinuxTransportOptions options, ILogger logger)
    {
        var shortage = new AcceptShortage();
        var listeners = new LoopListener[Math.Max(loops.Length, sockets.Length)];
        var shared = new SharedDescriptor[sockets.Length];
        for (var i = 0; i < sockets.Length; i++)
        {
            shared[i] = new SharedDescriptor(sockets[i], ownsSockets, users: Math.Max(1, (loops.Length - i + sockets.Length - 1) / sockets.Length));
        }

        for (var i = 0; i < listeners.Length; i++)
        {
            listeners[i] = new LoopListener(loops[i % loops.Length], sockets[i % sockets.Length], endPoint, handler, logger)
            {
                Shared = shared[i % sockets.Length],
                HasAcceptQueue = endPoint is IPEndPoint && i < sockets.Length,
                Shortage = shortage,
                QuickAck = options.QuickAck && endPoint is IPEndPoint,
            };
        }

        var unixPath = ownsSockets && endPoint is UnixDomainSocketEndPoint && endPoint.ToString() is [not '@', ..] path ? path : null;
        return new SocketListener(endPoint, shared, listeners, unixPath);
    }

    /// <summary>Never started: the sockets are another process's as much as ours, and so are their queues.</summary>
    private Task CloseUnused()
    {
        foreach (var listener in _listeners)
        {
            listener.Shared.Release();
        }

        return Task.CompletedTask;
    }

    private async Task StopCoreAsync()
    {
        await Task.WhenAll(Array.ConvertAll(_listeners, static listener => listener.StopAsync()));
        if (_unixPath is not null)
        {
            File.Delete(_unixPath);
        }
    }
}
