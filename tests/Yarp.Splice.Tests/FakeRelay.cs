using System.Collections.Concurrent;
using System.Text;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests;

/// <summary>Stands in for the relay: keeps what was already read and who the client is, answers with the route's id, and closes the connection.</summary>
internal sealed class FakeRelay : IRelayEngine
{
    private readonly ConcurrentQueue<byte[]> _prefixes = new();
    private readonly ConcurrentQueue<ClientFacts> _clients = new();

    public int Drains { get; private set; }

    public IReadOnlyCollection<byte[]> Prefixes => _prefixes;

    public IReadOnlyCollection<ClientFacts> Clients => _clients;

    public void Prepare(IEnumerable<TcpRoute> routes)
    {
    }

    public void Start(TcpRoute route, EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client)
    {
        _prefixes.Enqueue(prefix.ToArray());
        _clients.Enqueue(client);
        _ = SocketCalls.Send(descriptor, Encoding.UTF8.GetBytes($"relayed by {route.RouteId} in mode {route.Mode}"));
        _ = SocketCalls.Shutdown(descriptor, 1);
        _ = SocketCalls.Close(descriptor);
    }

    public Task<SessionRecord> RelayAsync(TcpRoute route, ConnectedSockets sockets, ClientFacts client, CancellationToken abort) =>
        throw new NotSupportedException("Tests of upgrades use the real relay.");

    public Task<int> DrainAsync(CancellationToken cancellationToken)
    {
        Drains++;
        return Task.FromResult(0);
    }
}
