namespace Yarp.Splice.Relay;

/// <content>
/// The end by <c>Splice:MaxLifetime</c>: neither side is read any more, what is held goes to its sink, then FIN. The sockets are closed when both
/// sides have acknowledged all of it, because close(2) with unread bytes is a reset, which would throw it away.
/// </content>
internal sealed partial class RelaySession
{
    private long _lifetimeEndMs = long.MaxValue;

    private void BeginLifetime()
    {
        if (Route.Limits.MaxLifetime is { } maxLifetime)
        {
            _lifetimeEndMs = _loop.NowMs + (long)Lifetime.Pick(maxLifetime).TotalMilliseconds;
        }
    }

    /// <summary>Looks again after the time, or at the end of the lifetime.</summary>
    private void ArmWhileRelaying(TimeSpan delay)
    {
        if (_lifetimeEndMs != long.MaxValue)
        {
            var left = TimeSpan.FromMilliseconds(Math.Max(_lifetimeEndMs - _loop.NowMs, 0));
            delay = left < delay ? left : delay;
        }

        _loop.Arm(this, delay);
    }

    private void Retire()
    {
        _state = State.Retiring;
        _closeDeadlineMs = _loop.NowMs + (long)Route.HalfCloseTimeout.TotalMilliseconds;
        _toUpstream!.StopReading();
        _toClient!.StopReading();
        Advance();
    }

    private void EndIfDelivered()
    {
        var isDelivered = IsDelivered(_toUpstream!) && IsDelivered(_toClient!);
        if (isDelivered || _loop.NowMs >= _closeDeadlineMs)
        {
            End(RelayOutcome.MaxLifetime, resetClient: !isDelivered, resetUpstream: !isDelivered);
        }
        else
        {
            PollDelivery();
        }
    }
}
