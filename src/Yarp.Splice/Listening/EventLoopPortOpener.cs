using System.Net;
using Transport.Linux;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Listening;

/// <summary>Listens with every event loop and hands accepted descriptors to the relay on the loop that accepted them.</summary>
internal sealed class EventLoopPortOpener(
    EventLoopGroup loops, TcpRoutes routes, IRelayEngine relay, SpliceMetrics metrics, ConnectionRefusals refusals,
    SessionTable sessions) : IPortOpener
{
    public ValueTask<IOpenPort> OpenAsync(TcpPort port, IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var handler = new PortAcceptHandler(port, routes, relay, metrics, refusals, sessions, loops.Loops);
        return ValueTask.FromResult<IOpenPort>(new OpenPort(loops.Listen(endPoint, handler), handler, loops));
    }

    private sealed class OpenPort(SocketListener listener, PortAcceptHandler handler, EventLoopGroup loops) : IOpenPort
    {
        public EndPoint EndPoint => listener.EndPoint;

        public async Task CloseAsync()
        {
            // Only then: a socket that the kernel had completed, and that needs no name or has sent it, is still served.
            await listener.StopAsync();
            await (loops.HasHandedOver ? handler.Waiting.DrainAsync() : handler.Waiting.CloseAllAsync());
        }
    }
}
