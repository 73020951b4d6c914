namespace Transport.Linux;

/// <summary>
/// A response whose body may go out with sendfile(2). It is the request's <see cref="Microsoft.AspNetCore.Http.Features.IHttpResponseBodyFeature"/> where
/// <c>UseSendFile</c> is in the pipeline. For middleware that wraps the body to watch it: bytes that are sent this way do not pass through a stream.
/// </summary>
public interface ISendFileFeature
{
    /// <summary>
    /// Whether a file would go out with sendfile(2) now: over HTTP/1.x without TLS on the Linux transport, with a Content-Length, and where the response may have
    /// a body. Otherwise it is copied through the body's stream.
    /// </summary>
    bool CanSendFile { get; }

    /// <summary>Bytes of files of this response that were handed to the socket's queue so far, not counting what was copied.</summary>
    long BytesSent { get; }
}
