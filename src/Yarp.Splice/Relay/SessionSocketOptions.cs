using System.Net.Sockets;
using Transport.Linux.Interop;

namespace Yarp.Splice.Relay;

/// <summary>How the kernel finds out that a peer is gone (tcp(7)), for both TCP sockets of a session.</summary>
internal sealed record SessionSocketOptions
{
    /// <summary>How long sent data may stay unacknowledged (TCP_USER_TIMEOUT, RFC 5482); <see langword="null"/> for the kernel's retransmissions.</summary>
    public TimeSpan? UserTimeout { get; init; }

    /// <summary>Silence after which the first keepalive probe is sent; <see langword="null"/> for no probes.</summary>
    public TimeSpan? KeepAliveTime { get; init; }

    /// <summary>Time between two probes; <see langword="null"/> for the kernel's <c>net.ipv4.tcp_keepalive_intvl</c>.</summary>
    public TimeSpan? KeepAliveInterval { get; init; }

    /// <summary>Probes without an answer that end the connection; <see langword="null"/> for the kernel's <c>net.ipv4.tcp_keepalive_probes</c>.</summary>
    public int? KeepAliveCount { get; init; }

    /// <summary>Sets the options on a TCP socket of an event loop. The values are in range, so the kernel takes them.</summary>
    public void Apply(int descriptor)
    {
        if (UserTimeout is { } userTimeout)
        {
            Set(SocketCalls.TCP_USER_TIMEOUT, (int)userTimeout.TotalMilliseconds);
        }

        if (KeepAliveTime is { } time)
        {
            _ = SocketCalls.SetOption(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_KEEPALIVE, 1);
            Set(SocketCalls.TCP_KEEPIDLE, (int)time.TotalSeconds);
        }

        if (KeepAliveInterval is { } interval)
        {
            Set(SocketCalls.TCP_KEEPINTVL, (int)interval.TotalSeconds);
        }

        if (KeepAliveCount is { } count)
        {
            Set(SocketCalls.TCP_KEEPCNT, count);
        }

        void Set(int name, int value) => _ = SocketCalls.SetOption(descriptor, SocketCalls.IPPROTO_TCP, name, value);
    }

    /// <summary>Sets the options on a TCP socket of .NET's, where <see cref="UserTimeout"/> exists on Linux only.</summary>
    /// <exception cref="SocketException">The system refused.</exception>
    public void Apply(Socket socket)
    {
        if (UserTimeout is { } userTimeout && OperatingSystem.IsLinux())
        {
            var milliseconds = BitConverter.GetBytes((int)userTimeout.TotalMilliseconds);
            socket.SetRawSocketOption(SocketCalls.IPPROTO_TCP, SocketCalls.TCP_USER_TIMEOUT, milliseconds);
        }

        if (KeepAliveTime is { } time)
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, (int)time.TotalSeconds);
        }

        if (KeepAliveInterval is { } interval)
        {
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, (int)interval.TotalSeconds);
        }

        if (KeepAliveCount is { } count)
        {
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, count);
        }
    }
}
