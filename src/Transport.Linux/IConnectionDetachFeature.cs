namespace Transport.Linux;

/// <summary>
/// Takes a connection out of Kestrel's managed pipeline. A feature of every connection of this transport, for connection middleware
/// that hands the raw socket to a relay, and for requests that become a tunnel: it is among the features of the request, too.
/// </summary>
public interface IConnectionDetachFeature
{
    /// <summary>
    /// Whether what would be detached is what the application reads and writes: <see langword="false"/> where TLS or other connection middleware
    /// has put a stream of its own over the socket's, and once the connection was detached.
    /// </summary>
    bool CanDetach { get; }

    /// <summary>
    /// Detaches the connection. Bytes written to the connection's output before the call are sent first. Afterwards the input is at its end and the
    /// output completed, and the middleware should return without calling the next one: Kestrel then sees a connection that completed normally.
    /// <see cref="Microsoft.AspNetCore.Connections.BaseConnectionContext.ConnectionClosed"/>, and with it the abortion of a request that is under
    /// way, fires when the result is disposed, when Kestrel has done with the connection, or when it aborts it.
    /// </summary>
    /// <remarks>
    /// The caller must not have a read in progress: after a <c>ReadAsync</c>, call <c>AdvanceTo(buffer.Start)</c> to leave all bytes unread.
    /// Under TLS what is detached is the encrypted stream, so detach before <c>UseHttps</c>.
    /// </remarks>
    /// <returns>The detached connection, which the caller owns.</returns>
    /// <exception cref="Microsoft.AspNetCore.Connections.ConnectionResetException">The peer reset the connection; it is closed.</exception>
    /// <exception cref="Microsoft.AspNetCore.Connections.ConnectionAbortedException">The connection was aborted, or had ended before; it is closed.</exception>
    /// <exception cref="InvalidOperationException">The connection was detached before.</exception>
    ValueTask<DetachedConnection> DetachAsync();
}
