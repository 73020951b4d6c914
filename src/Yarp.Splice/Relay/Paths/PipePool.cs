using System.Diagnostics.CodeAnalysis;
using Transport.Linux.Descriptors;
using Yarp.Splice.Interop;

namespace Yarp.Splice.Relay.Paths;

/// <summary>
/// The pipes of one event loop. A direction holds one only while bytes are in flight, so the number of pipes follows the number of busy
/// directions, not of connections.
/// </summary>
internal sealed class PipePool
{
    public const string NoDescriptor = "no pipe can be opened, all descriptors but the process's reserve are in use (RLIMIT_NOFILE)";
    public const string NoCapacity = "no pipe of 64 KiB can be had, the pipes of this user are at the limit (fs.pipe-user-pages-soft)";

    /// <summary>
    /// A pipe has one slot for each page of its capacity, and a segment from the network takes a slot however short it is: 1 MiB holds some
    /// 360 KiB of Ethernet frames. /proc/sys/fs/pipe-max-size defaults to this.
    /// </summary>
    private const int WantedCapacity = 1024 * 1024;

    /// <summary>Below this a splice moves too little to beat a copy, and past fs.pipe-user-pages-soft the kernel gives one page (pipe(7)).</summary>
    private const int LeastCapacity = 64 * 1024;

    /// <summary>Idle pipes keep no memory but two descriptors each.</summary>
    private const int MaxIdle = 128;

    private readonly Stack<RelayPipe> _idle = new();

    public DescriptorReserve Reserve { get; } = new();

    /// <summary>An empty pipe; false where descriptors or pipe memory have run out.</summary>
    public bool TryRent([NotNullWhen(true)] out RelayPipe? pipe, [NotNullWhen(false)] out string? reason)
    {
        reason = null;
        if (_idle.TryPop(out pipe))
        {
            return true;
        }

        if (SpliceCalls.CreatePipe(out var readEnd, out var writeEnd) < 0)
        {
            Reserve.ReadLimit();
            reason = NoDescriptor;
            return false;
        }

        pipe = new RelayPipe(readEnd, writeEnd, GrowCapacity(writeEnd));
        reason = IsOfReserve(pipe) ? NoDescriptor : pipe.Capacity < LeastCapacity ? NoCapacity : null;
        if (reason is null)
        {
            return true;
        }

        pipe.Close();
        pipe = null;
        return false;
    }

    /// <summary>
    /// Takes a pipe back. One that still holds bytes is closed: they belong to a session that has ended. So is one whose descriptors are short.
    /// </summary>
    public void Return(RelayPipe pipe)
    {
        if (pipe.Held == 0 && _idle.Count < MaxIdle && !IsOfReserve(pipe))
        {
            _idle.Push(pipe);
        }
        else
        {
            pipe.Close();
        }
    }

    /// <summary>Closes the idle pipes, because their descriptors are needed; false if there are none.</summary>
    public bool CloseIdle()
    {
        var hadIdle = _idle.Count > 0;
        while (_idle.TryPop(out var pipe))
        {
            pipe.Close();
        }

        return hadIdle;
    }

    private bool IsOfReserve(RelayPipe pipe) => Reserve.IsReachedBy(Math.Max(pipe.ReadEnd, pipe.WriteEnd));

    private static int GrowCapacity(int writeEnd)
    {
        var capacity = SpliceCalls.GetPipeSize(writeEnd);
        for (var size = WantedCapacity; size > capacity; size /= 4)
        {
            var granted = SpliceCalls.SetPipeSize(writeEnd, size);
            if (granted > 0)
            {
                return granted;
            }
        }

        return capacity;
    }
}
