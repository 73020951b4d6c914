using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>
/// Descriptors that accepting leaves to the rest of the process. The runtime opens some for each thread that it starts, and aborts the process
/// if it can't; so a listener must not go on until accept(2) says EMFILE.
/// </summary>
/// <remarks>The kernel gives the lowest free number (open(2)): a number at the mark says that all below it are in use.</remarks>
internal sealed class DescriptorReserve
{
    /// <summary>An eighth of the limit is kept, but not more than this.</summary>
    private const int MaxReserve = 128;

    private int _limit;
    private int _mark;

    public DescriptorReserve() => ReadLimit();

    /// <summary>Why accepting pauses.</summary>
    public string Reason => $"{_mark} of {_limit} descriptors (RLIMIT_NOFILE) are in use, and the process needs the others itself";

    public bool IsReachedBy(int descriptor) => descriptor >= _mark;

    /// <summary>Whether the next descriptor would be one of the reserve. Two system calls, for when descriptors are known to be short.</summary>
    public bool IsReached(int anyDescriptor)
    {
        // prlimit(1) may have raised it in the meantime.
        ReadLimit();
        var next = DescriptorCalls.Duplicate(anyDescriptor);
        if (next >= 0)
        {
            _ = SocketCalls.Close(next);
        }

        return next < 0 || IsReachedBy(next);
    }

    private void ReadLimit()
    {
        _limit = DescriptorCalls.Limit();
        _mark = _limit - Math.Min(MaxReserve, _limit / 8);
    }
}
