using Transport.Linux;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <summary>Relays accepted sockets to the destinations of their route.</summary>
internal interface IRelayEngine
{
    /// <summary>Gets ready what sessions of these routes will need, so that the first one does not wait for it. Not on an event loop.</summary>
    void Prepare(IEnumerable<TcpRoute> routes);

    /// <summary>
    /// Takes the descriptor over and relays it; the prefix, bytes that were received already, goes to the destination before anything else.
    /// Callable on any thread; continues on the loop.
    /// </summary>
    void Start(TcpRoute route, EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client);

    /// <summary>Takes two connected sockets over and relays between them. Callable on any thread; continues on the loop.</summary>
    /// <param name="route">Whose session it is. Its destinations are not asked for, and how busy they are is the caller's to count.</param>
    /// <param name="sockets">The sockets.</param>
    /// <param name="client">Whose connection it is.</param>
    /// <param name="abort">Resets both sides.</param>
    /// <returns>What is known of the session, once it has ended.</returns>
    Task<SessionRecord> RelayAsync(TcpRoute route, ConnectedSockets sockets, ClientFacts client, CancellationToken abort);

    /// <summary>
    /// Waits until every session has ended; when the token fires, resets the ones that are left and returns how many those were. From then on no
    /// session begins; until then they may, and another call waits for those.
    /// </summary>
    Task<int> DrainAsync(CancellationToken cancellationToken);
}
