namespace Demo.Gateway.Lifecycle;

/// <summary>What the gateway is ready for, in the order in which it happens. No state comes back.</summary>
internal enum GatewayState
{
    /// <summary>Ports are being opened.</summary>
    Starting,

    /// <summary>All ports are open.</summary>
    Ready,

    /// <summary>
    /// Told to stop. Until <c>ShutdownDelay</c> has passed it serves as before, so that load balancers have time to notice; then it accepts nothing new and
    /// lets what is in flight finish.
    /// </summary>
    Draining,
}
