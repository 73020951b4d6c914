using Transport.Linux.EventLoops;

namespace Transport.Linux;

/// <content>Watching over the sends that application code holds back; see <see cref="ApplicationDispatch"/>.</content>
public sealed partial class EventLoop
{
    // Pushed by any thread, taken as a whole by the loop.
    private ApplicationDispatch? _guarded;
    private bool _hasDispatched;
    private volatile bool _isGuarding;

    /// <summary>Takes a held send under guard; false if the loop sleeps without a limit and could not see to it in time.</summary>
    internal bool TryGuard(ApplicationDispatch dispatch)
    {
        ApplicationDispatch? top;
        do
        {
            top = Volatile.Read(ref _guarded);
            dispatch.NextGuarded = top;
        }
        while (Interlocked.CompareExchange(ref _guarded, dispatch, top) != top);

        // The exchange is a full fence: either the loop sees the dispatch before it sleeps, or this sees that it guards nothing.
        return _isGuarding;
    }

    /// <summary>The sleep is short while something is under guard, or may be soon because application code was just set off.</summary>
    private int LimitByGuard(int timeoutMs)
    {
        _isGuarding = false;
        Interlocked.MemoryBarrier();
        _isGuarding = _hasDispatched || Volatile.Read(ref _guarded) is not null;
        _hasDispatched = false;
        return _isGuarding && timeoutMs is < 0 or > ApplicationDispatch.GuardMs ? ApplicationDispatch.GuardMs : timeoutMs;
    }

    private void RunGuard()
    {
        // Awake: what is held from now on is seen before the next sleep.
        _isGuarding = true;
        if (Volatile.Read(ref _guarded) is null)
        {
            return;
        }

        var dispatch = Interlocked.Exchange(ref _guarded, null);
        while (dispatch is not null)
        {
            var next = dispatch.NextGuarded;
            dispatch.NextGuarded = null;
            if (NowMs - dispatch.HeldSinceMs > ApplicationDispatch.GuardMs)
            {
                dispatch.RunHeld();
            }
            else if (dispatch.IsHolding)
            {
                _ = TryGuard(dispatch);
            }

            dispatch = next;
        }
    }
}
