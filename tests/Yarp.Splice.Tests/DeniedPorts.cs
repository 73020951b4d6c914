using System.Net;
using System.Net.Sockets;
using Yarp.Splice.Listening;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests;

/// <summary>Refuses as the kernel does below net.ipv4.ip_unprivileged_port_start; tests often run as root, whom it would not refuse.</summary>
internal sealed class DeniedPorts : IPortOpener
{
    public ValueTask<IOpenPort> OpenAsync(TcpPort port, IPEndPoint endPoint, CancellationToken cancellationToken) =>
        throw new SocketException((int)SocketError.AccessDenied);
}
