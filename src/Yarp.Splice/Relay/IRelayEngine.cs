using System.Net;
using Transport.Linux;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <summary>Relays detached descriptors on the event loops.</summary>
internal interface IRelayEngine
{
    /// <summary>Takes the descriptor over and relays it. Callable on any thread; continues on the loop.</summary>
    void Start(TcpRoute route, EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, EndPoint? remoteEndPoint);

    /// <summary>Waits until every session has ended; when the token fires, resets the ones that are left and returns how many.</summary>
    Task<int> DrainAsync(CancellationToken cancellationToken);
}
