using System.Net;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Listening;

/// <summary>Listens with every event loop and hands accepted descriptors to the relay on the loop that accepted them.</summary>
internal sealed class EventLoopPortOpener(EventLoopGroup loops, TcpRoutes routes, IRelayEngine relay) : IPortOpener
{
    public ValueTask<IOpenPort> OpenAsync(TcpPort port, IPEndPoint endPoint, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IOpenPort>(new OpenPort(loops.Listen(endPoint, new AcceptHandler(port, routes, relay))));

    private sealed class AcceptHandler(TcpPort port, TcpRoutes routes, IRelayEngine relay) : IAcceptHandler
    {
        public void OnAccepted(in AcceptedSocket socket)
        {
            if (routes.Current.Find(port) is { } route)
            {
                relay.Start(route, socket.Loop, socket.Descriptor, default, socket.GetRemoteEndPoint());
            }
            else
            {
                // The route was removed, and the port is about to be closed.
                _ = SocketCalls.Close(socket.Descriptor);
            }
        }
    }

    private sealed class OpenPort(SocketListener listener) : IOpenPort
    {
        public EndPoint EndPoint => listener.EndPoint;

        public Task CloseAsync() => listener.StopAsync();
    }
}
