using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.Routing;

/// <summary>A destination that a session is to be connected to.</summary>
internal sealed class SelectedDestination(DestinationState state, DestinationAddress address)
{
    public string DestinationId => State.DestinationId;

    public DestinationAddress Address { get; } = address;

    internal DestinationState State { get; } = state;
}
