using System.Buffers;
using System.Runtime.CompilerServices;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <summary>The first segments of a sequence, held in place while the kernel reads them. A value, so that a send allocates nothing.</summary>
internal unsafe struct PinnedSegments
{
    /// <summary>Segments that go out in one system call: 64 KiB in the memory pool's blocks.</summary>
    public const int MaxCount = 16;

    private Handles _handles;
    private int _count;

    /// <summary>Pins the segments and describes them to the kernel; returns how many there are.</summary>
    public int Pin(in ReadOnlySequence<byte> buffer, Span<SocketCalls.IoVector> vectors)
    {
        foreach (var segment in buffer)
        {
            if (_count == MaxCount)
            {
                break;
            }

            if (segment.IsEmpty)
            {
                continue;
            }

            var handle = segment.Pin();
            _handles[_count] = handle;
            vectors[_count] = new SocketCalls.IoVector { Base = (byte*)handle.Pointer, Length = (nuint)segment.Length };
            _count++;
        }

        return _count;
    }

    public void Release()
    {
        for (var i = 0; i < _count; i++)
        {
            _handles[i].Dispose();
        }

        _count = 0;
    }

    [InlineArray(MaxCount)]
    private struct Handles
    {
        private MemoryHandle _first;
    }
}
