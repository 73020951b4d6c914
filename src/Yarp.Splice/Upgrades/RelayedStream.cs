namespace Yarp.Splice.Upgrades;

/// <summary>
/// Stands where YARP would read one of two upgraded connections that the relay has: it ends when the session has ended, and no byte comes before.
/// So the request goes on for as long as its session, and YARP counts it. Its tokens do not end a session: the activity timeout knows nothing of
/// the relay's bytes, and the relay itself watches whether the request is aborted.
/// </summary>
/// <param name="ended">Waits for the end of the session, which begins after the stream was made and before it is read.</param>
/// <param name="replaced">The stream that it stands for, disposed with it.</param>
internal sealed class RelayedStream(Func<Task> ended, IDisposable? replaced) : Stream
{
    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await ended();
        return 0;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        replaced?.Dispose();
        base.Dispose(disposing);
    }
}
