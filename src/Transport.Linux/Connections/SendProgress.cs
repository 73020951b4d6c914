namespace Transport.Linux.Connections;

/// <summary>Since when the peer of a connection has taken nothing, though something waits for it.</summary>
/// <param name="sent">All that the socket has taken.</param>
/// <param name="unacknowledged">What of that the peer has not acknowledged.</param>
/// <param name="nowMs">The time of these numbers.</param>
internal struct SendProgress(long sent, long unacknowledged, long nowMs)
{
    private long _sent = sent;
    private long _unacknowledged = unacknowledged;
    private long _sinceMs = nowMs;

    /// <summary>Looks again: true if nothing was taken for so long.</summary>
    public bool HasStalled(long sent, long unacknowledged, long nowMs, TimeSpan timeout)
    {
        // With the same sum sent, only an acknowledgement makes the rest smaller.
        if (sent == _sent && unacknowledged >= _unacknowledged)
        {
            return nowMs - _sinceMs >= (long)timeout.TotalMilliseconds;
        }

        this = new SendProgress(sent, unacknowledged, nowMs);
        return false;
    }
}
