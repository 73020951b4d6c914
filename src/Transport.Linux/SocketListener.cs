using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;
using Transport.Linux.Listening;

namespace Transport.Linux;

/// <summary>Listens on one endpoint with every event loop. Created by <see cref="EventLoopGroup.Listen"/>.</summary>
public sealed class SocketListener
{
    private readonly LoopListener[] _listeners;
    private readonly string? _unixPath;
    private Task? _stopped;

    private SocketListener(EndPoint endPoint, LoopListener[] listeners, string? unixPath)
    {
        EndPoint = endPoint;
        _listeners = listeners;
        _unixPath = unixPath;
    }

    /// <summary>The address listened on, with the real port where port 0 was asked for.</summary>
    public EndPoint EndPoint { get; }

    /// <summary>
    /// Stops listening. Connections that the kernel has completed already are accepted and handed to the handler first; the ones already
    /// handed over are not touched.
    /// </summary>
    /// <returns>A task that ends when every loop's socket is closed. Later calls return the same.</returns>
    public Task StopAsync()
    {
        lock (_listeners)
        {
            return _stopped ??= StopCoreAsync();
        }
    }

    internal static SocketListener Create(
        EndPoint endPoint, IAcceptHandler handler, EventLoop[] loops, LinuxTransportOptions options, ILogger logger)
    {
        switch (endPoint)
        {
            case IPEndPoint ip:
                return CreatePerLoop(ip, handler, loops, options, logger);
            case UnixDomainSocketEndPoint unix:
                var descriptor = ListeningSocket.Open(unix, options.Backlog);
                var path = unix.ToString();
                return CreateShared(
                    unix, descriptor, ownsDescriptor: true, path is ['@', ..] or "" ? null : path, handler, loops, options, logger);
            case FileHandleEndPoint handle:
                var inherited = ListeningSocket.Adopt(handle, options);
                return CreateShared(handle, inherited, ownsDescriptor: false, unixPath: null, handler, loops, options, logger);
            default:
                throw new NotSupportedException(
                    $"Cannot listen on {endPoint}, a {endPoint.GetType().Name}; accepted are IP, Unix and file-handle endpoints.");
        }
    }

    private static SocketListener CreatePerLoop(
        IPEndPoint endPoint, IAcceptHandler handler, EventLoop[] loops, LinuxTransportOptions options, ILogger logger)
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

        var shortage = new AcceptShortage();
        var listeners = new LoopListener[loops.Length];
        for (var i = 0; i < loops.Length; i++)
        {
            listeners[i] = new LoopListener(loops[i], sockets[i], isShared: false, endPoint, handler, logger)
            {
                Shortage = shortage,
                QuickAck = options.QuickAck,
            };
        }

        return StartAll(new SocketListener(endPoint, listeners, unixPath: null));
    }

    private static SocketListener CreateShared(
        EndPoint endPoint,
        int descriptor,
        bool ownsDescriptor,
        string? unixPath,
        IAcceptHandler handler,
        EventLoop[] loops,
        LinuxTransportOptions options,
        ILogger logger)
    {
        var accepting = endPoint is FileHandleEndPoint ? ListeningSocket.GetLocalEndPoint(descriptor) ?? endPoint : endPoint;
        var shared = new SharedDescriptor(descriptor, ownsDescriptor, loops.Length);
        var shortage = new AcceptShortage();
        var listeners = Array.ConvertAll(
            loops, loop => new LoopListener(loop, shared.Descriptor, isShared: true, accepting, handler, logger)
            {
                Shared = shared,
                Shortage = shortage,
                QuickAck = options.QuickAck && accepting is IPEndPoint,
            });
        return StartAll(new SocketListener(accepting, listeners, unixPath));
    }

    private static SocketListener StartAll(SocketListener listener)
    {
        foreach (var loopListener in listener._listeners)
        {
            loopListener.Start();
        }

        return listener;
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
