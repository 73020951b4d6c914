using System.Buffers;

namespace Transport.Linux.Files;

/// <summary>
/// The memory pool of output pipes. It passes everything on to the pool proper, except for the one buffer that <see cref="FileOutputWriter"/> has announced
/// on the same thread: that is the pipe's only way to take a segment that somebody else has made.
/// </summary>
internal sealed class FileSegmentPool(MemoryPool<byte> inner) : MemoryPool<byte>
{
    /// <summary>What to ask the pipe for so that it asks for a buffer of its own: more than any buffer has left.</summary>
    public const int Request = int.MaxValue;

    [ThreadStatic]
    private static FileSegment? s_next;

    public override int MaxBufferSize => Request;

    /// <summary>Has the next buffer that this thread asks for be the segment.</summary>
    public static void Announce(FileSegment segment) => s_next = segment;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        if (minBufferSize == Request && s_next is { } segment)
        {
            s_next = null;
            return segment;
        }

        return (minBufferSize <= inner.MaxBufferSize ? inner : Shared).Rent(minBufferSize);
    }

    protected override void Dispose(bool disposing) => inner.Dispose();
}
