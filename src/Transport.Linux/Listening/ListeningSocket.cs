using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>Opens listening sockets and turns the kernel's refusals into errors that name the address.</summary>
internal static class ListeningSocket
{
    /// <summary>Binds one socket of an IP endpoint's SO_REUSEPORT group.</summary>
    public static int Bind(IPEndPoint endPoint, bool joinsGroup, LinuxTransportOptions options)
    {
        var descriptor = Open(
            endPoint.AddressFamily == AddressFamily.InterNetworkV6 ? SocketCalls.AF_INET6 : SocketCalls.AF_INET, endPoint);
        try
        {
            Set(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_REUSEADDR, 1, "SO_REUSEADDR", endPoint);
            ListenerOptions.ApplyBeforeBind(descriptor, endPoint, options);
            if (joinsGroup)
            {
                Set(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_REUSEPORT, 1, "SO_REUSEPORT", endPoint);
            }

            Check("bind", SocketCalls.Bind(descriptor, NativeSocketAddress.ToBytes(endPoint).Span), endPoint);
            if (!joinsGroup)
            {
                Set(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_REUSEPORT, 1, "SO_REUSEPORT", endPoint);
            }

            ListenerOptions.ApplyBeforeListen(descriptor, endPoint, endPoint, options);

            return descriptor;
        }
        catch
        {
            _ = SocketCalls.Close(descriptor);
            throw;
        }
    }

    public static void Listen(int descriptor, EndPoint endPoint, int backlog) =>
        Check("listen", SocketCalls.Listen(descriptor, backlog), endPoint);

    /// <summary>Opens, binds and starts listening on a Unix socket, abstract ones included.</summary>
    public static int Open(UnixDomainSocketEndPoint endPoint, int backlog)
    {
        var descriptor = Open(SocketCalls.AF_UNIX, endPoint);
        try
        {
            Check("bind", SocketCalls.Bind(descriptor, NativeSocketAddress.ToBytes(endPoint).Span), endPoint);
            Listen(descriptor, endPoint, backlog);
            return descriptor;
        }
        catch
        {
            _ = SocketCalls.Close(descriptor);
            throw;
        }
    }

    /// <summary>
    /// Starts listening on a socket that somebody else opened, a service manager for example. It comes bound but not necessarily listening,
    /// stays its owner's, and has to be non-blocking for a loop.
    /// </summary>
    public static int Adopt(FileHandleEndPoint endPoint, LinuxTransportOptions options)
    {
        var descriptor = checked((int)endPoint.FileHandle);
        Adopt(descriptor, endPoint, options);
        return descriptor;
    }

    /// <summary>As <see cref="Adopt(FileHandleEndPoint, LinuxTransportOptions)"/>. One that listens already goes on, with the backlog of the options.</summary>
    public static void Adopt(int descriptor, EndPoint endPoint, LinuxTransportOptions options)
    {
        if (GetLocalEndPoint(descriptor) is IPEndPoint local)
        {
            ListenerOptions.ApplyBeforeListen(descriptor, local, endPoint, options);
        }

        Check("listen", SocketCalls.Listen(descriptor, options.Backlog), endPoint);
        Check("fcntl", DescriptorCalls.SetNonBlocking(descriptor), endPoint);
    }

    public static EndPoint? GetLocalEndPoint(int descriptor)
    {
        Span<byte> address = stackalloc byte[NativeSocketAddress.MaxLength];
        return SocketCalls.GetSocketName(descriptor, address, out var length) < 0 ? null : NativeSocketAddress.ToEndPoint(address[..length]);
    }

    private static int Open(int family, EndPoint endPoint)
    {
        var descriptor = SocketCalls.Socket(
            family, SocketCalls.SOCK_STREAM | SocketCalls.SOCK_NONBLOCK | SocketCalls.SOCK_CLOEXEC);
        Check("socket", descriptor, endPoint);
        return descriptor;
    }

    private static void Set(int descriptor, int level, int name, int value, string option, EndPoint endPoint) =>
        Check(string.Create(CultureInfo.InvariantCulture, $"setsockopt({option}={value})"),
            SocketCalls.SetOption(descriptor, level, name, value), endPoint);

    private static void Check(string call, int result, EndPoint endPoint)
    {
        if (result >= 0)
        {
            return;
        }

        var error = Errno.ToException(call, Describe(endPoint), -result);
        throw -result == Errno.EADDRINUSE ? new AddressInUseException(error.Message, error) : error;
    }

    public static string Describe(EndPoint endPoint) =>
        endPoint is FileHandleEndPoint handle ? $"inherited descriptor {handle.FileHandle}" : endPoint.ToString() ?? endPoint.GetType().Name;
}
