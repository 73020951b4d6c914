using Yarp.ReverseProxy.Forwarder;

namespace Yarp.Splice.Health;

/// <summary>Tells a passive health policy that a destination did not take a connection.</summary>
internal sealed class ConnectErrorFeature : IForwarderErrorFeature
{
    public ForwarderError Error => ForwarderError.Request;

    public Exception? Exception => null;
}
