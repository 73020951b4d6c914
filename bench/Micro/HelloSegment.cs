using System.Buffers;

namespace Bench.Micro;

/// <summary>A part of a sequence, after another one.</summary>
internal sealed class HelloSegment : ReadOnlySequenceSegment<byte>
{
    public HelloSegment(ReadOnlyMemory<byte> memory, HelloSegment? previous)
    {
        Memory = memory;
        if (previous is not null)
        {
            RunningIndex = previous.RunningIndex + previous.Memory.Length;
            previous.Next = this;
        }
    }
}
