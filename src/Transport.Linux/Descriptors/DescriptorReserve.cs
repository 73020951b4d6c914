using Transport.Linux.Interop;

namespace Transport.Linux.Descriptors;

/// <summary>
/// Descriptors that connections leave to the rest of the process. The runtime opens some for each thread that it starts, and aborts the process
/// if it can't; so nobody must go on until a call says EMFILE. Accepting and pipes leave the whole reserve; connections to the destinations of
/// clients that were accepted already may use half of it.
/// </summary>
/// <remarks>The kernel gives the lowest free number (open(2)): a number at a mark says that all below it are in use.</remarks>
internal sealed class DescriptorReserve
{
    /// <summary>An eighth of the limit is kept, but not more than this.</summary>
    private const int MaxReserve = 128;

    private int _limit;
    private int _mark;
    private int _lastMark;

    public DescriptorReserve() => ReadLimit();

    /// <summary>Why accepting pauses.</summary>
    public string Reason => $"{_mark} of {_limit} descriptors (RLIMIT_NOFILE) are in use, and the process needs the others itself";

    /// <summary>Whether the descriptor is one of the reserve.</summary>
    public bool IsReachedBy(int descriptor) => descriptor >= _mark && IsBeyond(descriptor, ref _mark);

    /// <summary>Whether the descriptor is one of those that only the process itself may use.</summary>
    public bool IsUsedUpBy(int descriptor) => descriptor >= _lastMark && IsBeyond(descriptor, ref _lastMark);

    /// <summary>Whether the next descriptor would be one of the reserve. Two system calls, for when descriptors are known to be short.</summary>
    public bool IsReached(int anyDescriptor)
    {
        ReadLimit();
        var next = DescriptorCalls.Duplicate(anyDescriptor);
        if (next >= 0)
        {
            _ = SocketCalls.Close(next);
        }

        return next < 0 || next >= _mark;
    }

    /// <summary>prlimit(1) may change the limit at any time.</summary>
    public void ReadLimit()
    {
        _limit = DescriptorCalls.Limit();
        var reserve = Math.Min(MaxReserve, _limit / 8);
        _mark = _limit - reserve;
        _lastMark = _limit - (reserve / 2);
    }

    private bool IsBeyond(int descriptor, ref int mark)
    {
        ReadLimit();
        return descriptor >= mark;
    }
}
