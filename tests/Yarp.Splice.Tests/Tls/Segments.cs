using System.Buffers;
using Yarp.Splice.Tls;

namespace Yarp.Splice.Tests.Tls;

/// <summary>Feeds bytes to a <see cref="ClientHelloReader"/> in different ways.</summary>
internal static class Segments
{
    /// <summary>All at once, in one piece.</summary>
    public static (ClientHelloStatus Status, ClientHello Hello) ReadWhole(byte[] bytes)
    {
        var reader = default(ClientHelloReader);
        return (reader.Read(new ReadOnlySequence<byte>(bytes), out var hello), hello);
    }

    /// <summary>
    /// One read after another, each of which adds a segment of at most the size that comes next in the list, until the reader has decided.
    /// </summary>
    public static (ClientHelloStatus Status, ClientHello Hello, int Length) ReadInPieces(byte[] bytes, IReadOnlyList<int> sizes)
    {
        var reader = default(ClientHelloReader);
        var first = new Segment(ReadOnlyMemory<byte>.Empty);
        var last = first;
        var length = 0;
        for (var i = 0; ; i++)
        {
            var status = reader.Read(new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length), out var hello);
            if (status != ClientHelloStatus.NeedMore || length == bytes.Length)
            {
                return (status, hello, length);
            }

            var size = Math.Min(sizes[i % sizes.Count], bytes.Length - length);
            last = last.Append(bytes.AsMemory(length, size));
            length += size;
        }
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory) => Memory = memory;

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}
