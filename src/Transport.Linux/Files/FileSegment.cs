using System.Buffers;
using System.Runtime.InteropServices;
using Transport.Linux.Interop;

namespace Transport.Linux.Files;

/// <summary>
/// A piece of a file in a connection's output pipe, in the place of bytes. It has the memory that a segment must have, but nobody reads or writes that: the
/// kernel sends the bytes from the file. It refers to its file until the pipe has done with the segment.
/// </summary>
internal sealed unsafe class FileSegment : MemoryManager<byte>
{
    /// <summary>
    /// The longest piece, in bytes. A connection gets no more than that in one turn of its event loop, and Kestrel's minimum data rate counts bytes as written
    /// a piece at a time.
    /// </summary>
    public const int MaxLength = 256 * 1024;

    /// <summary>What <see cref="TrySend"/> returns if the send would wait for a disk. No error number is that large.</summary>
    public const nint NotCached = -1_000_001;

    /// <summary>What <see cref="TrySend"/> returns if the file is shorter by now.</summary>
    public const nint FileEnded = -1_000_002;

    /// <summary>Between two looks at whether the file is in the page cache: the kernel's read-ahead window (/sys/block/…/queue/read_ahead_kb).</summary>
    private const int ProbeDistance = 128 * 1024;

    // One for all, because nobody uses it. Pages that are never touched take no memory.
    private static readonly byte* s_untouched = (byte*)NativeMemory.AlignedAlloc(MaxLength, 4096);

    private readonly OpenFile _file;
    private readonly long _offset;
    private readonly int _length;
    private bool _isDisposed;

    public FileSegment(OpenFile file, long offset, int length)
    {
        file.AddReference();
        _file = file;
        _offset = offset;
        _length = length;
    }

    public override Memory<byte> Memory => CreateMemory(_length);

    public string Path => _file.Path;

    public override Span<byte> GetSpan() => new(s_untouched, _length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(s_untouched + elementIndex);

    public override void Unpin()
    {
    }

    /// <summary>Sends a part of the segment; the number of bytes, a negative error number, or one of the two special results.</summary>
    /// <param name="socket">Where to.</param>
    /// <param name="start">Where in the segment the part begins.</param>
    /// <param name="length">Its length.</param>
    /// <param name="mayWait">Whether the caller's thread may wait for a disk.</param>
    public nint TrySend(int socket, int start, int length, bool mayWait)
    {
        var offset = _offset + start;
        if (!mayWait && !_file.IsInMemory && !IsCached(offset, length))
        {
            return NotCached;
        }

        var sent = FileCalls.SendFile(socket, _file.Descriptor, offset, (nuint)length);
        return sent == 0 ? FileEnded : sent;
    }

    protected override void Dispose(bool disposing)
    {
        if (!Interlocked.Exchange(ref _isDisposed, true))
        {
            _file.Release();
        }
    }

    private bool IsCached(long offset, int length)
    {
        for (var probe = 0; probe < length; probe += ProbeDistance)
        {
            if (!FileCalls.IsCached(_file.Descriptor, offset + probe))
            {
                return false;
            }
        }

        return FileCalls.IsCached(_file.Descriptor, offset + length - 1);
    }
}
