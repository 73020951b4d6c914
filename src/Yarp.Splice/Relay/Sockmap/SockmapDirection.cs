using Transport.Linux.Interop;
using Yarp.Splice.Interop;
using Yarp.Splice.Relay.Rules;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary>
/// One armed direction as the kernel sees it: counters of the verdict, counters of TCP, and what follows from comparing them. Positions count the
/// bytes of this direction since it was armed.
/// </summary>
internal sealed class SockmapDirection(SockmapProgram program, int source, int sink, ulong cookie, int slot)
{
    private ulong _receivedBefore;
    private ulong _sentBefore;
    private SockmapFailure _failure;

    public int Source => source;

    public int Sink => sink;

    public ulong Cookie => cookie;

    /// <summary>The index of its slot, by which events name it.</summary>
    public int SlotIndex => slot;

    /// <summary>Bytes that have left the source, through the kernel or through user space.</summary>
    public long Moved => (long)(Redirected + Passed);

    public ulong Redirected => Volatile.Read(ref Slot.Redirected);

    public uint Overlaps => Volatile.Read(ref Slot.Overlaps);

    public uint Refused => Volatile.Read(ref Slot.Refused);

    /// <summary>Whether the verdict has passed bytes that the sink's socket has not taken yet. Until then everything is passed.</summary>
    public bool IsPassing => Unconsumed != 0;

    /// <summary>Bytes that the verdict has passed and the sink's socket has not taken.</summary>
    public ulong Unconsumed => Passed - Slot.Consumed;

    /// <summary>Why the stream is damaged and the session must be reset.</summary>
    public SockmapFailure Failure => _failure != SockmapFailure.None ? _failure : (SockmapFailure)Volatile.Read(ref Slot.Failure);

    private ulong Passed => Volatile.Read(ref Slot.Passed);

    private ref SockmapSlot Slot => ref program.Slot(slot);

    /// <summary>Reads the counters from which positions are counted. The source is not armed yet and nobody writes to the sink.</summary>
    /// <returns>Zero, or the error number.</returns>
    public int TakeBaseline()
    {
        var error = ReadBaseline(source, static info => info.BytesReceived, SocketStateCalls.UnreadBytes, out var received, out var unread);
        if (error != 0)
        {
            return error;
        }

        _receivedBefore = received - unread;
        error = ReadBaseline(sink, static info => info.BytesAcknowledged, SocketCalls.UnacknowledgedBytes, out var acknowledged, out var queued);
        _sentBefore = acknowledged + queued;
        return error;
    }

    /// <summary>A byte that the source received has not shown up for so long that it never will.</summary>
    public void GiveUp() => _failure = SockmapFailure.Gap;

    /// <summary>The sink's socket has taken passed bytes.</summary>
    public void Consume(int count)
    {
        Volatile.Write(ref Slot.Consumed, Slot.Consumed + (ulong)count);
        // Before the next look at what was passed: either that shows what the verdict adds from now on, or the verdict tells.
        Interlocked.MemoryBarrier();
    }

    /// <summary>Tells the verdict what has been acknowledged, and how much may be on its way.</summary>
    public void Refresh()
    {
        ref var shared = ref Slot;
        var window = program.WindowOf(sink);
        Volatile.Write(ref shared.Window, window);
        if (program.Form == SockmapForm.Exact)
        {
            return;
        }

        if (SocketStateCalls.GetTcpInfo(sink, out var info) != 0)
        {
            return;
        }

        var acknowledged = (long)(info.BytesAcknowledged - _sentBefore);
        var moved = (long)(Redirected + shared.Consumed);
        var notifyAt = SockmapRules.NotifyAt(acknowledged, moved, window);
        Volatile.Write(ref shared.Acknowledged, (ulong)acknowledged);
        Volatile.Write(ref shared.NotifyAt, (ulong)Math.Max(notifyAt, 0));
    }

    /// <summary>
    /// Whether everything that left the source is in the sink's TCP: nothing waits in the queue between them, which shutdown(2) and close(2) of
    /// the sink would throw away and which passed bytes must not overtake.
    /// </summary>
    public bool IsQueueEmpty()
    {
        if (SocketStateCalls.GetTcpInfo(sink, out var info) != 0)
        {
            return false;
        }

        var unacknowledged = SocketCalls.UnacknowledgedBytes(sink);
        return unacknowledged >= 0 &&
            SockmapRules.IsQueueEmpty(info.BytesAcknowledged, (ulong)unacknowledged, _sentBefore, Redirected, Slot.Consumed);
    }

    /// <summary>
    /// Whether the verdict has seen everything that the source received. To be asked once the source has ended; finds out a damaged stream.
    /// </summary>
    public bool IsSourceAccountedFor()
    {
        if (SocketStateCalls.GetTcpInfo(source, out var info) != 0)
        {
            return true;
        }

        var received = info.BytesReceived - _receivedBefore;
        var seen = (ulong)Moved;
        if (SockmapRules.IsSurplus(seen, received, info.HasFin))
        {
            _failure = SockmapFailure.Surplus;
        }

        if (SockmapRules.IsAccountedFor(seen, received))
        {
            return true;
        }

        _ = SocketStateCalls.Kick(source);
        return false;
    }

    /// <summary>The source is closed, or was never armed.</summary>
    public void Release() => program.Release(cookie, slot);

    /// <summary>A counter and the length of the queue that belongs to it, both of the same moment.</summary>
    private static int ReadBaseline(int socket, Func<TcpInfo, ulong> counter, Func<int, int> queue, out ulong count, out ulong queued)
    {
        queued = 0;
        var error = SocketStateCalls.GetTcpInfo(socket, out var info);
        while (true)
        {
            count = counter(info);
            var length = queue(socket);
            if (error != 0 || length < 0)
            {
                return error != 0 ? -error : -length;
            }

            error = SocketStateCalls.GetTcpInfo(socket, out info);
            if (error == 0 && counter(info) == count)
            {
                queued = (ulong)length;
                return 0;
            }
        }
    }
}
