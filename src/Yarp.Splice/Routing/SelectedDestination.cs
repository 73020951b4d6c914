using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.Routing;

/// <summary>A destination that a session is to be connected to.</summary>
internal sealed class SelectedDestination(DestinationState state, DestinationAddress address)
{
    public string DestinationId => State.DestinationId;

    public DestinationAddress Address { get; } = address;

    /// <summary>The cluster whose destination it is.</summary>
    public string ClusterId { get; init; } = "";

    /// <summary>How many sessions it may have at once; <see langword="null"/> for no limit.</summary>
    public int? MaxConnections { get; init; }

    public bool IsFull => State.ConcurrentRequestCount >= MaxConnections;

    internal DestinationState State { get; } = state;

    /// <summary>The destination as it was configured when it was selected.</summary>
    internal DestinationModel Model { get; } = state.Model;
}
