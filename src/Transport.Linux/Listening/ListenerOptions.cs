using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>
/// Sets the socket options on a listening TCP socket, from where accepted sockets inherit them: not one call more for a connection. What the
/// kernel refuses becomes an error that names the option as the operator wrote it.
/// </summary>
internal static class ListenerOptions
{
    /// <summary>Options that decide which addresses the socket may bind to.</summary>
    public static void ApplyBeforeBind(int descriptor, IPEndPoint endPoint, LinuxTransportOptions options)
    {
        var isIPv6 = endPoint.AddressFamily == AddressFamily.InterNetworkV6;
        if (isIPv6)
        {
            // As Kestrel's own transport by default: only the IPv6 wildcard takes IPv4 connections too.
            var onlyIPv6 = options.V6Only ?? !endPoint.Address.Equals(IPAddress.IPv6Any);
            Set(descriptor, endPoint, nameof(options.V6Only), options.V6Only,
                new Setting("IPV6_V6ONLY", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_V6ONLY, onlyIPv6 ? 1 : 0));
        }

        if (options.FreeBind)
        {
            Set(descriptor, endPoint, nameof(options.FreeBind), options.FreeBind, isIPv6
                ? new Setting("IPV6_FREEBIND", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_FREEBIND, 1)
                : new Setting("IP_FREEBIND", SocketCalls.IPPROTO_IP, SocketCalls.IP_FREEBIND, 1));
        }

        if (options.Transparent)
        {
            Set(descriptor, endPoint, nameof(options.Transparent), options.Transparent, isIPv6
                ? new Setting("IPV6_TRANSPARENT", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_TRANSPARENT, 1)
                : new Setting("IP_TRANSPARENT", SocketCalls.IPPROTO_IP, SocketCalls.IP_TRANSPARENT, 1));
        }
    }

    /// <summary>
    /// Everything else, for our own sockets and for inherited ones. Before listen(2): the receive buffer decides the window scale that
    /// the handshake offers (tcp(7)).
    /// </summary>
    public static void ApplyBeforeListen(int descriptor, IPEndPoint local, EndPoint endPoint, LinuxTransportOptions options)
    {
        if (options.NoDelay)
        {
            SetTcp(nameof(options.NoDelay), options.NoDelay, "TCP_NODELAY", SocketCalls.TCP_NODELAY, 1);
        }

        if (options.KeepAliveTime is { } keepAliveTime)
        {
            SetSocket(nameof(options.KeepAliveTime), keepAliveTime, "SO_KEEPALIVE", SocketCalls.SO_KEEPALIVE, 1);
            SetTcp(nameof(options.KeepAliveTime), keepAliveTime, "TCP_KEEPIDLE", SocketCalls.TCP_KEEPIDLE, Seconds(keepAliveTime));
        }

        if (options.KeepAliveInterval is { } keepAliveInterval)
        {
            SetTcp(nameof(options.KeepAliveInterval), keepAliveInterval, "TCP_KEEPINTVL", SocketCalls.TCP_KEEPINTVL, Seconds(keepAliveInterval));
        }

        if (options.KeepAliveCount is { } keepAliveCount)
        {
            SetTcp(nameof(options.KeepAliveCount), keepAliveCount, "TCP_KEEPCNT", SocketCalls.TCP_KEEPCNT, keepAliveCount);
        }

        if (options.UserTimeout is { } userTimeout)
        {
            SetTcp(nameof(options.UserTimeout), userTimeout, "TCP_USER_TIMEOUT", SocketCalls.TCP_USER_TIMEOUT,
                (int)Math.Ceiling(userTimeout.TotalMilliseconds));
        }

        if (options.DeferAccept is { } deferAccept)
        {
            SetTcp(nameof(options.DeferAccept), deferAccept, "TCP_DEFER_ACCEPT", SocketCalls.TCP_DEFER_ACCEPT, Seconds(deferAccept));
        }

        if (options.FastOpen is { } fastOpen)
        {
            SetTcp(nameof(options.FastOpen), fastOpen, "TCP_FASTOPEN", SocketCalls.TCP_FASTOPEN, fastOpen);
        }

        if (options.NotSentLowWatermark is { } notSent)
        {
            SetTcp(nameof(options.NotSentLowWatermark), notSent, "TCP_NOTSENT_LOWAT", SocketCalls.TCP_NOTSENT_LOWAT, notSent);
        }

        if (options.SendBufferSize is { } sendBuffer)
        {
            SetSocket(nameof(options.SendBufferSize), sendBuffer, "SO_SNDBUF", SocketCalls.SO_SNDBUF, sendBuffer);
        }

        if (options.ReceiveBufferSize is { } receiveBuffer)
        {
            SetSocket(nameof(options.ReceiveBufferSize), receiveBuffer, "SO_RCVBUF", SocketCalls.SO_RCVBUF, receiveBuffer);
        }

        if (options.ZeroCopySendThreshold is { } threshold)
        {
            SetSocket(nameof(options.ZeroCopySendThreshold), threshold, "SO_ZEROCOPY", SocketCalls.SO_ZEROCOPY, 1);
        }

        if (options.BusyPoll is { } busyPoll)
        {
            SetSocket(nameof(options.BusyPoll), busyPoll, "SO_BUSY_POLL", SocketCalls.SO_BUSY_POLL, (int)Math.Ceiling(busyPoll.TotalMicroseconds));
        }

        if (options.Mark is { } mark)
        {
            SetSocket(nameof(options.Mark), mark, "SO_MARK", SocketCalls.SO_MARK, unchecked((int)mark));
        }

        if (options.IpTos is { } tos)
        {
            if (local.AddressFamily == AddressFamily.InterNetworkV6)
            {
                Set(descriptor, endPoint, nameof(options.IpTos), tos,
                    new Setting("IPV6_TCLASS", SocketCalls.IPPROTO_IPV6, SocketCalls.IPV6_TCLASS, tos));
            }

            // On an IPv6 socket too: for the IPv4 connections that it takes.
            Set(descriptor, endPoint, nameof(options.IpTos), tos, new Setting("IP_TOS", SocketCalls.IPPROTO_IP, SocketCalls.IP_TOS, tos));
        }

        void SetTcp(string option, object value, string name, int number, int native) =>
            Set(descriptor, endPoint, option, value, new Setting(name, SocketCalls.IPPROTO_TCP, number, native));

        void SetSocket(string option, object value, string name, int number, int native) =>
            Set(descriptor, endPoint, option, value, new Setting(name, SocketCalls.SOL_SOCKET, number, native));
    }

    private static int Seconds(TimeSpan time) => (int)Math.Ceiling(time.TotalSeconds);

    private static void Set(int descriptor, EndPoint endPoint, string option, object? value, Setting setting)
    {
        var result = SocketCalls.SetOption(descriptor, setting.Level, setting.Number, setting.Value);
        if (result < 0)
        {
            var call = string.Create(
                CultureInfo.InvariantCulture,
                $"{LinuxTransportOptions.SectionName}:{option}={value ?? "default"}: setsockopt({setting.Name}={setting.Value})");
            throw Errno.ToException(call, ListeningSocket.Describe(endPoint), -result);
        }
    }

    private readonly record struct Setting(string Name, int Level, int Number, int Value);
}
