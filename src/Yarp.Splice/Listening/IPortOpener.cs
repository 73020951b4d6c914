using System.Net;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Listening;

/// <summary>Opens ports that only TCP routes use.</summary>
internal interface IPortOpener
{
    /// <summary>Listens; accepted connections go to the route that has the port at that moment.</summary>
    /// <exception cref="Microsoft.AspNetCore.Connections.AddressInUseException">Another socket listens there.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">The system refused.</exception>
    ValueTask<IOpenPort> OpenAsync(TcpPort port, IPEndPoint endPoint, CancellationToken cancellationToken);
}
