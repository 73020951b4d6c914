using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Rules;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary>
/// One armed direction: the kernel redirects, and this moves what the verdict passes, in order, between what was redirected before and what will
/// be after. Also finds out when everything has reached the sink, so that the end of the source may follow.
/// </summary>
internal sealed class SockmapPath(RelaySession session, RelayDirection direction, SockmapDirection kernel) : RelayPath
{
    /// <summary>Looks in the loop's next rounds before a timer takes over: the kernel's worker usually needs some microseconds.</summary>
    private const int QuickChecks = 32;

    /// <summary>Checks without a byte more that prove a byte lost: some ten seconds.</summary>
    private const int HopelessChecks = QuickChecks + 48;

    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_lastDelay = TimeSpan.FromMilliseconds(256);

    private readonly CheckTimer _timer = new();
    private ulong _emptyAt;
    private int _unconsumed;
    private int _endError;
    private int _checks;
    private int _endChecks;
    private long _endCheckedAt = -1;
    private TimeSpan _delay = s_firstDelay;
    private bool _isCheckPending;
    private bool _isAwaitingPassed;
    private bool _isReleased;

    public override PathKind Kind => PathKind.Sockmap;

    public override long Redirected => (long)kernel.Redirected;

    public override bool NeedsReadable => _isAwaitingPassed;

    public int SlotIndex => kernel.SlotIndex;

    public uint Overlaps => kernel.Overlaps;

    public uint Refused => kernel.Refused;

    /// <summary>Why the session must be reset.</summary>
    public SockmapFailure Failure => kernel.Failure;

    /// <summary>Whether the source's socket holds bytes that nobody has received, in a queue that close(2) does not look at.</summary>
    public bool HasUnread => kernel.Unconsumed > (ulong)_unconsumed;

    private EventLoop Loop => session.Worker.Loop;

    /// <summary>The verdict has passed bytes, wants to know what is acknowledged, or has given up.</summary>
    public void OnEvent()
    {
        if (!_isReleased)
        {
            kernel.Refresh();
            direction.Source.IsReadable |= kernel.IsPassing;
            session.Wake();
        }
    }

    public override bool TryFlush(RelayDirection direction)
    {
        Consume();
        return true;
    }

    public override void Transfer(RelayDirection direction)
    {
        var source = direction.Source;
        direction.LastTransfer = 0;
        _isAwaitingPassed = false;
        switch (SockmapRules.Next(kernel.IsPassing, source.IsEndSeen, kernel.Redirected, _emptyAt))
        {
            case SockmapStep.AwaitVerdict:
                source.IsReadable = false;
                return;
            case SockmapStep.CheckQueue when kernel.IsQueueEmpty():
                _emptyAt = kernel.Redirected;
                break;
            case SockmapStep.CheckQueue:
                source.IsReadable = false;
                CheckLater();
                return;
            case SockmapStep.CheckEnd when !IsEnd():
                AwaitEnd(source);
                return;
        }

        var buffer = direction.Worker.Buffer;
        var received = (int)SocketCalls.Receive(source.Descriptor, buffer);
        if (received > 0)
        {
            _checks = 0;
            direction.LastTransfer = received;
            direction.CountMoved(received);
            _unconsumed += received;
            CopyPath.Deliver(direction, buffer.AsSpan(0, received));
            if (direction.Held.IsEmpty)
            {
                Consume();
            }
        }
        else if (received == -Errno.EAGAIN)
        {
            source.IsReadable = false;
            _isAwaitingPassed = kernel.IsPassing;
        }
        else if (!direction.AwaitsMemory(-received))
        {
            // The error is told once, the end again and again.
            _endError = received < 0 ? -received : _endError;
            if (IsEnd())
            {
                _checks = 0;
                direction.OnSourceEnd(_endError);
            }
            else
            {
                AwaitEnd(source);
            }
        }
    }

    public override bool TryFinish(RelayDirection direction)
    {
        if (kernel.IsQueueEmpty())
        {
            return true;
        }

        CheckLater();
        return false;
    }

    /// <summary>The sockets are closed.</summary>
    public void Release()
    {
        _isReleased = true;
        Loop.Cancel(_timer);
        kernel.Release();
    }

    /// <summary>The sink has taken all that was received.</summary>
    private void Consume()
    {
        if (_unconsumed == 0)
        {
            return;
        }

        kernel.Consume(_unconsumed);
        _unconsumed = 0;
        if (!kernel.IsPassing)
        {
            // The verdict redirects again.
            kernel.Refresh();
        }
    }

    private bool IsEnd() => SockmapRules.IsEnd(kernel.IsSourceAccountedFor(), kernel.IsPassing);

    /// <summary>The source has ended; but bytes are still on their way through the verdict, or passed and not readable yet.</summary>
    private void AwaitEnd(RelayEndpoint source)
    {
        source.IsReadable = false;
        var position = kernel.Moved + direction.Moved;
        if (position != _endCheckedAt)
        {
            _endCheckedAt = position;
            _endChecks = 0;
        }

        if (++_endChecks >= HopelessChecks)
        {
            kernel.GiveUp();
        }

        CheckLater();
    }

    private void CheckLater()
    {
        if (_isCheckPending)
        {
            return;
        }

        _isCheckPending = true;
        if (_checks++ < QuickChecks)
        {
            _delay = s_firstDelay;
            Loop.Post(static state => ((SockmapPath)state!).Check(), this);
            return;
        }

        _timer.Path = this;
        Loop.Arm(_timer, _delay);
        _delay = _delay * 2 < s_lastDelay ? _delay * 2 : s_lastDelay;
    }

    private void Check()
    {
        _isCheckPending = false;
        if (!_isReleased)
        {
            direction.Source.IsReadable = true;
            direction.Sink.IsWritable = true;
            session.Wake();
        }
    }

    private sealed class CheckTimer : EventLoopTimer
    {
        public SockmapPath? Path { get; set; }

        protected override void OnTimer() => Path!.Check();
    }
}
