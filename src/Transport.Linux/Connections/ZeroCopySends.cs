using System.Buffers;
using Transport.Linux.Interop;
using Transport.Linux.Metrics;

namespace Transport.Linux.Connections;

/// <summary>
/// The MSG_ZEROCOPY sends of one connection that the kernel has not finished, and so the bytes at the front of the output pipe that must stay where
/// they are. Belongs to the send loop; only <see cref="CountInto"/> is the event loop's.
/// </summary>
internal sealed class ZeroCopySends(int descriptor)
{
    // A ring: the kernel finishes sends in order but for retransmissions and the end of a connection.
    private Send[] _ring = new Send[4];
    private int _head;
    private int _count;
    private uint _firstNumber;

    // Both since the first zero-copy send, which is the first send of its buffer: what is left of a buffer only gets shorter.
    private long _sentBytes;
    private long _releasedBytes;

    private long _sends;
    private long _copied;
    private long _countedSends;
    private long _countedCopied;

    /// <summary>Whether the kernel may still read bytes that were sent.</summary>
    public bool HasOutstanding => _count > 0;

    /// <summary>Whether the kernel has copied what it was asked not to: then the way costs more than an ordinary send.</summary>
    public bool IsCopied => Volatile.Read(ref _copied) > 0;

    /// <summary>How many bytes at the front of the pipe were sent but not released.</summary>
    public long HeldBytes => _sentBytes - _releasedBytes;

    /// <summary>Sends without a copy; the number of bytes, or the negative error number.</summary>
    public nint TrySend(in ReadOnlySequence<byte> buffer, int flags)
    {
        if (_count == _ring.Length)
        {
            Grow();
        }

        ref var send = ref _ring[(_head + _count) % _ring.Length];
        Span<SocketCalls.IoVector> vectors = stackalloc SocketCalls.IoVector[PinnedSegments.MaxCount];
        var pinned = send.Pins.Pin(buffer, vectors);
        var sent = SocketCalls.SendMessage(descriptor, vectors[..pinned], flags | SocketCalls.MSG_ZEROCOPY);
        if (sent <= 0)
        {
            // The kernel numbers only what it took.
            send.Pins.Release();
            return sent;
        }

        send.Start = _sentBytes;
        send.IsDone = false;
        _count++;
        _sentBytes += sent;
        Volatile.Write(ref _sends, _sends + 1);
        return sent;
    }

    /// <summary>Bytes that went out in the ordinary way, behind zero-copy sends.</summary>
    public void AddOrdinary(long bytes) => _sentBytes += bytes;

    /// <summary>Reads what the kernel has finished from the error queue.</summary>
    public void Collect()
    {
        int result;
        while ((result = SocketCalls.ReceiveZeroCopyCompletion(descriptor, out var completion)) >= 0)
        {
            if (result > 0)
            {
                Complete(completion);
            }
        }

        while (_count > 0 && _ring[_head].IsDone)
        {
            _ring[_head].Pins.Release();
            _head = (_head + 1) % _ring.Length;
            _firstNumber++;
            _count--;
        }
    }

    /// <summary>How many bytes at the front of the pipe may go back to its pool now; they count as released from here on.</summary>
    public long Release()
    {
        var releasable = (_count > 0 ? _ring[_head].Start : _sentBytes) - _releasedBytes;
        _releasedBytes += releasable;
        return releasable;
    }

    /// <summary>On the event loop.</summary>
    public void CountInto(LoopCounters counters)
    {
        var (sends, copied) = (Volatile.Read(ref _sends), Volatile.Read(ref _copied));
        counters.CountZeroCopy(sends - _countedSends, copied - _countedCopied);
        (_countedSends, _countedCopied) = (sends, copied);
    }

    private void Complete(in ZeroCopyCompletion completion)
    {
        for (var number = completion.First; ; number++)
        {
            // Unsigned, so that a number before the first is past the last.
            var index = number - _firstNumber;
            if (index < (uint)_count)
            {
                _ring[(_head + (int)index) % _ring.Length].IsDone = true;
                if (completion.IsCopied)
                {
                    Volatile.Write(ref _copied, _copied + 1);
                }
            }

            if (number == completion.Last)
            {
                return;
            }
        }
    }

    private void Grow()
    {
        var larger = new Send[_ring.Length * 2];
        for (var i = 0; i < _count; i++)
        {
            larger[i] = _ring[(_head + i) % _ring.Length];
        }

        _ring = larger;
        _head = 0;
    }

    private struct Send
    {
        public PinnedSegments Pins;
        public long Start;
        public bool IsDone;
    }
}
