using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using Transport.Linux.Connections;

namespace Transport.Linux;

/// <summary>
/// Opens outgoing connections that live on the event loops: what they receive wakes the code that waits for it on the loop's own thread, as with
/// accepted connections (<see cref="LinuxTransportOptions.ApplicationScheduling"/>), instead of through .NET's socket thread and the thread pool.
/// </summary>
/// <param name="loops">The event loops; connections take turns on them.</param>
public sealed class EventLoopConnector(EventLoopGroup loops)
{
    private uint _next;

    /// <summary>Makes an HTTP client open its connections here. TLS, HTTP/2, proxies and the pooling of connections stay the handler's.</summary>
    /// <param name="handler">The handler, before its first request. Its <see cref="SocketsHttpHandler.ConnectCallback"/> is replaced.</param>
    public void UseFor(SocketsHttpHandler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        handler.ConnectCallback = (context, cancellationToken) => ConnectAsync(context.DnsEndPoint, cancellationToken);
    }

    /// <summary>Connects, with TCP_NODELAY. Of a name with several addresses the first to answer is taken, as RFC 8305 (Happy Eyeballs) describes it.</summary>
    /// <param name="endPoint">A <see cref="DnsEndPoint"/>, an <see cref="IPEndPoint"/> or a <see cref="UnixDomainSocketEndPoint"/>.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The connection. One read and one write may be under way at a time; disposing closes it.</returns>
    /// <exception cref="SocketException">The name is unknown, or the last of its addresses refused.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async ValueTask<Stream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        if (endPoint is not DnsEndPoint name)
        {
            return await ConnectToAddressAsync(endPoint, cancellationToken);
        }

        var addresses = IPAddress.TryParse(name.Host, out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(name.Host, name.AddressFamily, cancellationToken);
        return addresses.Length > 0
            ? await ConnectToFirstAsync(addresses, name.Port, cancellationToken)
            : throw new SocketException((int)SocketError.HostNotFound, $"{name.Host} has no address.");
    }

    /// <summary>As <see cref="ConnectAsync"/>, to the first of a name's addresses that answers.</summary>
    internal Task<Stream> ConnectToFirstAsync(IPAddress[] addresses, int port, CancellationToken cancellationToken) => HappyEyeballs.RaceAsync(
        Array.ConvertAll<IPAddress, EndPoint>(HappyEyeballs.Interleave(addresses), address => new IPEndPoint(address, port)), ConnectToAddressAsync, cancellationToken);

    /// <summary>
    /// Takes a connection out of the stream that <see cref="ConnectAsync"/> returned, or out of one that an HTTP client has put over it, such as the
    /// content of a response 101. What the outer stream has received but not given away comes as <see cref="DetachedConnection.UnreadBytes"/>.
    /// The stream cannot be used afterwards, but has still to be disposed.
    /// </summary>
    /// <param name="stream">The stream; no read or write may be under way. It must pass bytes on as they are, so there may be no TLS in between.</param>
    /// <returns>The connection, which the caller owns.</returns>
    /// <exception cref="IOException">The stream has ended before.</exception>
    /// <exception cref="ObjectDisposedException">The stream is disposed, or was detached before.</exception>
    public static async ValueTask<DetachedConnection> DetachAsync(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var (connection, unread) = StreamDetachment.Find(stream);
        return await connection.DetachAsync(unread);
    }

    private Task<Stream> ConnectToAddressAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        var all = loops.Loops;
        var loop = all[(int)(Interlocked.Increment(ref _next) % (uint)all.Count)];
        return new EventLoopStream(loop).ConnectAsync(endPoint, cancellationToken);
    }
}
