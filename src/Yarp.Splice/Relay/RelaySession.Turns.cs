namespace Yarp.Splice.Relay;

/// <content>
/// Whose turn it is: a session that exchanges messages is served when an event says so. One that moves many bytes waits in the event loop's line of
/// deferred work, where bulk sessions have their turns one after another and events come in between.
/// </content>
internal sealed partial class RelaySession
{
    /// <summary>
    /// Bytes that a direction moves right when an event says that it is ready. The rest waits in line, so that a hundred new transfers, all ready at once,
    /// are not in the way of a message for long.
    /// </summary>
    private const int BytesAtOnce = RelayWorker.BufferSize;

    /// <summary>Bytes that a direction moves when the session's turn in the line comes: some 0.1 ms, if they are copied.</summary>
    private const int BytesInLine = 256 * 1024;

    /// <summary>Bytes of a turn from which a session waits in line from the start, as the mean of the last turns.</summary>
    private const int BulkTurn = RelayWorker.BufferSize / 2;

    private long _turnBytes;
    private long _meanTurnBytes;
    private bool _isInLine;
    private bool _isInLineTurn;

    private int BytesPerTurn => _isInLineTurn ? BytesInLine : BytesAtOnce;

    /// <summary>Something may be ready: the session goes on now, or when its turn comes.</summary>
    public void Wake()
    {
        if (_state == State.Relaying && (_isInLine || _meanTurnBytes >= BulkTurn))
        {
            Defer();
            return;
        }

        TryAgain();
    }

    private void Defer()
    {
        if (!_isInLine)
        {
            _isInLine = true;
            _loop.Defer(static state => ((RelaySession)state!).TakeTurn(), this);
        }
    }

    private void TakeTurn()
    {
        _isInLine = false;
        _isInLineTurn = true;
        TryAgain();
        _isInLineTurn = false;
    }

    /// <summary>Each turn that moved something counts as much as all before it, so a session that was bulk is not any more after a few messages.</summary>
    private void EndTurn()
    {
        if (_turnBytes > 0)
        {
            _meanTurnBytes = (_meanTurnBytes + _turnBytes) / 2;
            _turnBytes = 0;
        }
    }
}
