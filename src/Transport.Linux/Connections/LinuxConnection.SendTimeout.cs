using Microsoft.AspNetCore.Connections;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <content>
/// The bound of a wait for a peer that takes nothing (<see cref="LinuxTransportOptions.SendTimeout"/>). A connection whose socket has never been full has no
/// part of it.
/// </content>
internal sealed partial class LinuxConnection
{
    private SendDeadline? _sendDeadline;

    /// <summary>A wait for the socket has begun. On the thread that sends.</summary>
    private void WatchSend()
    {
        if (_options.SendTimeout > TimeSpan.Zero)
        {
            (_sendDeadline ??= new SendDeadline(this)).Watch();
        }
    }

    /// <summary>The connection is over, or has left. On the event loop.</summary>
    private void EndSendDeadline()
    {
        if (_sendDeadline is { } deadline)
        {
            _loop.Cancel(deadline);
        }
    }

    /// <summary>
    /// Looks four times in each timeout whether the peer has taken something, and stops when nothing waits: a connection that is full again and again is
    /// not armed again and again. What the socket took is not enough to go by, as it reports room only when a third of its buffer is free, which a slow
    /// peer may need long for; what the peer has acknowledged tells (SIOCOUTQ, tcp(7)).
    /// </summary>
    private sealed class SendDeadline(LinuxConnection connection) : EventLoopTimer
    {
        private const int LooksPerTimeout = 4;

        private readonly TimeSpan _timeout = connection._options.SendTimeout;
        private SendProgress _progress;

        // 1 while a look is to come.
        private int _isWatching;

        private bool IsWaiting => Volatile.Read(ref connection._writeState) == WriteAwaited;

        /// <summary>Begins to look, unless that has begun. After the wait has, on the thread that waits.</summary>
        public void Watch()
        {
            if (Volatile.Read(ref _isWatching) == 0 && Interlocked.Exchange(ref _isWatching, 1) == 0)
            {
                connection._loop.Post(static state => ((SendDeadline)state!).Begin(), this);
            }
        }

        protected internal override void OnTimer()
        {
            // Before the look at the wait: whoever waits has not closed the descriptor, so the number was this connection's.
            var unacknowledged = SocketCalls.UnacknowledgedBytes(connection._descriptor);
            if (!IsWaiting && !TryGoOn())
            {
                return;
            }

            if (_progress.HasStalled(connection._sentBytes.Total, unacknowledged, connection._loop.NowMs, _timeout))
            {
                Expire(unacknowledged);
                return;
            }

            ArmLook();
        }

        private void Begin()
        {
            _progress = new SendProgress(
                connection._sentBytes.Total, SocketCalls.UnacknowledgedBytes(connection._descriptor), connection._loop.NowMs);
            ArmLook();
        }

        /// <summary>Nothing waits: true if something does by now, and nobody else has begun to look.</summary>
        private bool TryGoOn()
        {
            // The exchange is a full fence: either this sees the wait, or the wait sees that nobody looks.
            Interlocked.Exchange(ref _isWatching, 0);
            return IsWaiting && Interlocked.Exchange(ref _isWatching, 1) == 0;
        }

        private void ArmLook() => connection._loop.Arm(this, _timeout / LooksPerTimeout);

        private void Expire(long unacknowledged)
        {
            connection._loop.Counters.CountSendTimeout();
            TransportLog.SendTimedOut(connection._logger, connection.ConnectionId, _timeout, unacknowledged);
            connection.Abort(new ConnectionAbortedException($"The peer has taken nothing of what was sent for {_timeout}."));
        }
    }
}
