using Transport.Linux.EventLoops;

namespace Transport.Linux;

/// <content>Watching over the sends that application code holds back; see <see cref="ApplicationDispatch"/>.</content>
public sealed partial class EventLoop
{
    private readonly Lock _guardLock = new();
    private List<ApplicationDispatch> _guarded = [];
    private List<ApplicationDispatch> _examined = [];
    private bool _hasDispatched;
    private bool _isGuarding;

    /// <summary>Runs application code, on the thread pool or right here. On the loop's thread.</summary>
    internal void RunApplication(Action<object?> action, object? state, bool isInline)
    {
        var dispatch = new ApplicationDispatch(this, action, state);
        if (isInline)
        {
            dispatch.ExecuteInline();
            return;
        }

        _hasDispatched = true;
        ThreadPool.UnsafeQueueUserWorkItem(dispatch, preferLocal: false);
    }

    /// <summary>Takes a held send under guard; false if the loop sleeps without a limit and could not see to it in time.</summary>
    internal bool TryGuard(ApplicationDispatch dispatch)
    {
        lock (_guardLock)
        {
            if (!_isGuarding)
            {
                return false;
            }

            _guarded.Add(dispatch);
            return true;
        }
    }

    /// <summary>The sleep is short while something is under guard, or may be soon because application code was just set off.</summary>
    private int LimitByGuard(int timeoutMs)
    {
        lock (_guardLock)
        {
            _isGuarding = _hasDispatched || _guarded.Count > 0;
        }

        _hasDispatched = false;
        return _isGuarding && timeoutMs is < 0 or > ApplicationDispatch.GuardMs ? ApplicationDispatch.GuardMs : timeoutMs;
    }

    private void RunGuard()
    {
        lock (_guardLock)
        {
            // Awake: what is held from now on is seen before the next sleep.
            _isGuarding = true;
            if (_guarded.Count == 0)
            {
                return;
            }

            (_guarded, _examined) = (_examined, _guarded);
        }

        foreach (var dispatch in _examined)
        {
            if (NowMs - dispatch.HeldSinceMs > ApplicationDispatch.GuardMs)
            {
                dispatch.RunHeld();
            }
            else if (dispatch.IsHolding)
            {
                lock (_guardLock)
                {
                    _guarded.Add(dispatch);
                }
            }
        }

        _examined.Clear();
    }
}
