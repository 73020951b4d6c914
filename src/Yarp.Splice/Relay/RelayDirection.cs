using Transport.Linux.Connections;
using Transport.Linux.Interop;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Rules;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Relay;

/// <summary>
/// One direction of a session: source to sink. Holds what its path has taken from the source and the sink has not taken yet; nothing is read
/// while something is held, which is all of the flow control. The end of the source becomes FIN on the sink once nothing is held.
/// </summary>
internal sealed class RelayDirection(RelaySession session, RelayEndpoint source, RelayEndpoint sink, ReadOnlyMemory<byte> prefix, PathPolicy policy)
{
    /// <summary>Transfers in one go before other sessions of the loop get their turn.</summary>
    private const int TransfersPerTurn = 16;

    /// <summary>A spliced byte costs about a quarter of a copied one, with transfers of 256 KiB.</summary>
    private const int SplicedForOneCopied = 4;

    private RelayPath _path = CopyPath.Instance;
    private RelayFlow _flow = RelayFlow.Waiting;
    private PathChooser _chooser = new(policy);
    private long _moved = prefix.Length;
    private long _stalledSinceMs;
    private long _shortSinceMs;
    private bool _isAwaitingMemory;
    private bool _isBulk;
    private bool _isSourceEnded;
    private bool _isSourceFailed;
    private bool _isSinkFailed;

    public RelayEndpoint Source => source;

    public RelayEndpoint Sink => sink;

    public RelayWorker Worker => session.Worker;

    /// <summary>Where the bytes of the current path are counted.</summary>
    public required Tally Tally { get; set; }

    /// <summary>How fast bytes may be moved; <see langword="null"/> for no limit.</summary>
    public required RelayRate? Rate { get; init; }

    /// <summary>Bytes moved from the source so far, and the prefix.</summary>
    public long Moved => _moved + _path.Redirected;

    /// <summary>Bytes that wait for the sink: the prefix, or what the copy path could not send.</summary>
    public ReadOnlyMemory<byte> Held { get; set; } = prefix;

    /// <summary>The array behind <see cref="Held"/>, if it is the direction's own.</summary>
    public byte[]? OwnBuffer { get; set; }

    /// <summary>The pipe of the splice path, while bytes are in flight.</summary>
    public RelayPipe? Pipe { get; set; }

    /// <summary>Bytes of the last transfer.</summary>
    public long LastTransfer { get; set; }

    /// <summary>Whether nothing will be moved any more.</summary>
    public bool IsOver => DirectionRules.IsOver(_flow);

    /// <summary>Whether the source's readability is of interest now.</summary>
    public bool NeedsReadable => !IsOver && _path.NeedsReadable;

    /// <summary>Whether the kernel could go on from here.</summary>
    public bool CanArm =>
        DirectionRules.CanArm(_path.Kind, !Held.IsEmpty, source.IsReadable, sink.IsWritable, _isSourceEnded, IsOver);

    /// <summary>The kernel goes on from here, and the path takes what it leaves.</summary>
    public void Arm(SockmapPath path) => MoveTo(path);

    /// <summary>Chooses between Copy and Splice by another policy from now on.</summary>
    public void Follow(PathPolicy other) => _chooser = new PathChooser(other);

    /// <summary>Moves what can be moved now.</summary>
    /// <param name="limit">Bytes after which the turn is over, if they are copied; it may move more that is spliced, and the last transfer is not cut.</param>
    public RelayFlow Pump(int limit)
    {
        var left = (long)limit;
        for (var i = 0; i < TransfersPerTurn && left > 0 && !IsOver; i++)
        {
            var step = DirectionRules.Next(sink.IsWritable && TryFlush(), _isSourceEnded, source.IsReadable);
            if (step == DirectionStep.AwaitSink)
            {
                BeginStall();
                return _flow = _isSinkFailed ? RelayFlow.SinkFailed : RelayFlow.Waiting;
            }

            EndStall();
            switch (step)
            {
                case DirectionStep.Finish:
                    return _flow = _path.TryFinish(this) ? Finish() : RelayFlow.Waiting;
                case DirectionStep.AwaitSource:
                    SplicePath.ReturnPipe(this);
                    return _flow = RelayFlow.Waiting;
            }

            if (source.IsUrgentSeen && _path == SplicePath.Instance)
            {
                SplicePath.ReturnPipe(this);
                MoveTo(CopyPath.Instance);
            }

            if (Rate is not null && !Rate.TryBegin())
            {
                SplicePath.ReturnPipe(this);
                return _flow = RelayFlow.Waiting;
            }

            _path.Transfer(this);
            left -= _path == SplicePath.Instance ? LastTransfer / SplicedForOneCopied : LastTransfer;
            ChoosePath();
        }

        return IsOver ? _flow : RelayFlow.OutOfTurn;
    }

    /// <summary>The source is known to have failed: what it sent before still goes to the sink, but its end will not be a FIN.</summary>
    public void FailSource() => _isSourceFailed = true;

    /// <summary>What the source still sends is not wanted: what is held goes to the sink, then FIN.</summary>
    public void StopReading() => _isSourceEnded = true;

    /// <summary>The sink is gone, or the session ends: drops what is held.</summary>
    public void Abandon()
    {
        if (!IsOver)
        {
            _flow = RelayFlow.SinkFailed;
        }

        EndStall();
        Rate?.Cancel();
        CopyPath.ReturnBuffer(this);
        SplicePath.ReturnPipe(this);
    }

    /// <summary>How much of so many bytes the next transfer may move.</summary>
    public int Limit(int bytes) => Rate is null ? bytes : (int)Math.Min(bytes, Rate.Allowance);

    public void CountMoved(long bytes)
    {
        if (_moved == 0)
        {
            session.OnFirstTransfer(this);
        }

        _moved += bytes;
        Rate?.Count(bytes);
        Tally.Add(bytes);
        _shortSinceMs = 0;
        session.OnTransfer(this, bytes);
    }

    public void OnSourceEnd(int errno)
    {
        source.IsReadable = false;
        if (errno != Errno.EAGAIN && !AwaitsMemory(errno))
        {
            _isSourceEnded = true;
            _isSourceFailed |= errno != 0;
            source.IsFailed |= errno != 0;
        }
    }

    public void OnSinkError(int errno)
    {
        sink.IsWritable = false;
        if (errno != Errno.EAGAIN && !AwaitsMemory(errno))
        {
            _isSinkFailed = sink.IsFailed = true;
        }
    }

    /// <summary>
    /// Whether a call failed only because the kernel has no memory now, which is no failure of the socket: it is tried again soon. EFAULT is such
    /// an error too, as the buffers are sound: an armed socket gives it under memory pressure (skb_set_owner_r without sk_rmem_schedule).
    /// </summary>
    public bool AwaitsMemory(int errno)
    {
        if (!MemoryShortage.IsCauseOf(errno) && errno != Errno.EFAULT)
        {
            return false;
        }

        var now = session.Worker.Loop.NowMs;
        _shortSinceMs = _shortSinceMs == 0 ? now : _shortSinceMs;
        if (now - _shortSinceMs > MemoryShortage.LongestMs)
        {
            return false;
        }

        if (!_isAwaitingMemory)
        {
            _isAwaitingMemory = true;
            session.Worker.Memory.Await(this);
        }

        return true;
    }

    /// <summary>Tries again after <see cref="AwaitsMemory"/>; true if there is no memory still.</summary>
    public bool Retry()
    {
        _isAwaitingMemory = false;
        if (!IsOver)
        {
            source.IsReadable = sink.IsWritable = true;
            session.TryAgain();
        }

        if (!_isAwaitingMemory)
        {
            _shortSinceMs = 0;
        }

        return _isAwaitingMemory;
    }

    /// <summary>No pipe can be had now: this direction copies for a while.</summary>
    public void FallBackToCopy(string reason)
    {
        MoveTo(CopyPath.Instance);
        _chooser.OnNoPipe();
        session.OnNoPipe(reason);
    }

    // The prefix and the rest of a short send are held by the copy path, whatever the path of the next transfer.
    private bool TryFlush() => CopyPath.Instance.TryFlush(this) && _path.TryFlush(this);

    private void ChoosePath()
    {
        if (_path != SplicePath.Instance && LastTransfer == RelayWorker.BufferSize && !_isBulk)
        {
            _isBulk = true;
            sink.LimitUnsent(SplicePath.LargestTransfer);
        }

        if (!DirectionRules.MayLeave(_path.Kind, isPipeEmpty: true))
        {
            return;
        }

        if (_path == CopyPath.Instance)
        {
            // What the sink did not take of this read leaves by TryFlush before the first splice.
            if (_chooser.WantsSplice(LastTransfer) && !source.IsUrgentSeen)
            {
                _chooser.OnSplice();
                MoveTo(SplicePath.Instance);
            }
        }
        else if (_chooser.WantsCopy(LastTransfer) && DirectionRules.MayLeave(_path.Kind, Pipe is null or { Held: 0 }))
        {
            SplicePath.ReturnPipe(this);
            _chooser.OnCopy();
            MoveTo(CopyPath.Instance);
        }
    }

    private void BeginStall()
    {
        if (_stalledSinceMs == 0 && (!Held.IsEmpty || Pipe is { Held: > 0 }))
        {
            _stalledSinceMs = Worker.Loop.NowMs;
        }
    }

    private void EndStall()
    {
        if (_stalledSinceMs != 0)
        {
            session.OnStalled(this, Worker.Loop.NowMs - _stalledSinceMs);
            _stalledSinceMs = 0;
        }
    }

    private void MoveTo(RelayPath path)
    {
        session.OnPathMove(this, _path, path);
        _path = path;
    }

    private RelayFlow Finish()
    {
        SplicePath.ReturnPipe(this);
        var end = DirectionRules.EndOf(_isSourceFailed);
        if (end == RelayFlow.Finished)
        {
            // ENOTCONN if the sink was reset in between: its own events tell.
            _ = SocketCalls.Shutdown(sink.Descriptor, SocketCalls.SHUT_WR);
        }

        return end;
    }
}
