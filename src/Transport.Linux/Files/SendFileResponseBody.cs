using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Transport.Linux.Files;

/// <summary>
/// Kestrel's response body, but for the sending of files: those go into the connection's output as pieces that the kernel sends. Kestrel sees each piece as an
/// ordinary write, so Content-Length, data rate and keep-alive are its own affair.
/// </summary>
internal sealed class SendFileResponseBody(HttpContext context, IHttpResponseBodyFeature inner, IFileSendFeature connection, OpenFileCache files)
    : IHttpResponseBodyFeature, ISendFileFeature
{
    public Stream Stream => inner.Stream;

    public PipeWriter Writer => inner.Writer;

    public long BytesSent { get; private set; }

    public bool CanSendFile => connection.CanSendFiles
        && context.Response.ContentLength is not null
        && context.Response.StatusCode is >= 200 and not (StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified)
        && !HttpMethods.IsHead(context.Request.Method);

    public void DisableBuffering() => inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => inner.StartAsync(cancellationToken);

    public Task CompleteAsync() => inner.CompleteAsync();

    public async Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
    {
        if (!CanSendFile || files.TryOpen(path, context.Response.Headers.LastModified, AnnouncedLength()) is not { } file)
        {
            await inner.SendFileAsync(path, offset, count, cancellationToken);
            return;
        }

        try
        {
            // As the copying way checks it.
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, file.Length);
            var length = count ?? file.Length - offset;
            ArgumentOutOfRangeException.ThrowIfNegative(length, nameof(count));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(length, file.Length - offset, nameof(count));
            cancellationToken.ThrowIfCancellationRequested();
            await inner.StartAsync(cancellationToken);
            var sent = await SendAsync(file, offset, length, cancellationToken);
            if (sent == 0 && length > 0)
            {
                // Something between here and the connection has an output of its own.
                await inner.SendFileAsync(path, offset, length, cancellationToken);
            }
            else if (sent < length)
            {
                connection.Abort("The connection ended before the file did.");
            }
        }
        finally
        {
            file.Release();
        }
    }

    /// <summary>How long the file is, as the response's head has it: a part says of how much (Content-Range), anything else is taken for the whole.</summary>
    private long? AnnouncedLength()
    {
        if (context.Response.StatusCode != StatusCodes.Status206PartialContent)
        {
            return context.Response.ContentLength;
        }

        var range = context.Response.Headers.ContentRange.ToString();
        return long.TryParse(range.AsSpan(range.LastIndexOf('/') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length : null;
    }

    /// <returns>How much was written: all, or less if the connection is at its end, or nothing if the pieces cannot get to the connection.</returns>
    private async ValueTask<long> SendAsync(OpenFile file, long offset, long length, CancellationToken cancellationToken)
    {
        for (var sent = 0L; sent < length;)
        {
            var piece = (int)Math.Min(length - sent, FileSegment.MaxLength);
            if (!TryWrite(file, offset + sent, piece, cancellationToken, out var write))
            {
                return sent;
            }

            sent += piece;
            BytesSent += piece;
            if ((await write).IsCompleted)
            {
                return sent;
            }
        }

        return length;
    }

    /// <summary>False, and nothing has happened, if what Kestrel writes to is not the connection's output.</summary>
    private bool TryWrite(OpenFile file, long offset, int length, CancellationToken cancellationToken, out ValueTask<FlushResult> write)
    {
        var memory = connection.Lend(file, offset, length).Memory;
        var isReached = false;
        var isWritten = false;
        write = default;
        try
        {
            isReached = inner.Writer.GetMemory().Equals(memory);
            if (isReached)
            {
                write = inner.Writer.WriteAsync(memory, cancellationToken);
            }
        }
        finally
        {
            isWritten = connection.EndLending();
        }

        if (isReached && !isWritten)
        {
            // Cancelled, or somebody else has written meanwhile: what follows would not be in its place.
            connection.Abort("A piece of a file was not written.");
        }

        return isReached;
    }
}
