namespace Demo.Gateway.Lifecycle;

/// <summary>Whether the gateway wants new traffic: what a readiness probe answers from. Thread-safe.</summary>
internal sealed class GatewayLifecycle
{
    private readonly Lock _lock = new();
    private volatile GatewayState _state = GatewayState.Starting;

    /// <summary>Raised after <see cref="State"/> has changed, once for each state, on the thread that changed it.</summary>
    public event Action<GatewayState>? Changed;

    public GatewayState State => _state;

    /// <summary>Goes on to a later state; nothing happens if it has been reached or passed.</summary>
    public void Reach(GatewayState state)
    {
        lock (_lock)
        {
            if (state <= _state)
            {
                return;
            }

            _state = state;
        }

        Changed?.Invoke(state);
    }
}
