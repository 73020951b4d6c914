using System.IO.Pipelines;

namespace Transport.Linux.Files;

/// <summary>
/// The writing side of an output pipe that may hold pieces of files. While it lends a segment, whoever asks for memory gets the segment's, and who says that
/// it is written puts the segment into the pipe: so Kestrel counts and checks the bytes as it does all others. It copies what it writes, but from the
/// segment's memory onto itself, which moves nothing.
/// </summary>
internal sealed class FileOutputWriter(PipeWriter inner) : PipeWriter
{
    private FileSegment? _lent;

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    public void Lend(FileSegment segment) => _lent = segment;

    /// <summary>Ends the lending.</summary>
    /// <returns>Whether the segment has gone into the pipe.</returns>
    public bool EndLending()
    {
        if (_lent is not { } segment)
        {
            return true;
        }

        _lent = null;
        ((IDisposable)segment).Dispose();
        return false;
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => _lent is { } segment ? segment.Memory : inner.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _lent is { } segment ? segment.GetSpan() : inner.GetSpan(sizeHint);

    public override void Advance(int bytes)
    {
        if (_lent is not { } segment)
        {
            inner.Advance(bytes);
            return;
        }

        var length = segment.Memory.Length;
        if (bytes != length)
        {
            throw new InvalidOperationException($"A piece of a file is written as a whole: {length} bytes, not {bytes}.");
        }

        _lent = null;
        FileSegmentPool.Announce(segment);
        _ = inner.GetMemory(FileSegmentPool.Request);
        inner.Advance(length);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);
}
