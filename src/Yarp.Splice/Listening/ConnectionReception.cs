using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Sources;

namespace Yarp.Splice.Listening;

/// <summary>Finds out who the client of a Kestrel connection is and what it asks for, before anybody gets the connection.</summary>
internal sealed class ConnectionReception(SpliceMetrics metrics, ConnectionRefusals refusals, ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);

    /// <summary>What is known of a connection's client by now.</summary>
    public static ClientFacts FactsOf(ConnectionContext connection) =>
        new(connection.RemoteEndPoint) { LocalEndPoint = connection.LocalEndPoint, AcceptedAt = Stopwatch.GetTimestamp() };

    /// <summary>
    /// Takes a PROXY protocol header off the connection, which has the addresses in it from then on, and reads the ClientHello, each if it is wanted.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="port">The port that it came to.</param>
    /// <param name="trusted">Whose connections begin with a header; <see langword="null"/> if there is none.</param>
    /// <param name="needsHello">Whether the hello is wanted.</param>
    /// <param name="timeout">How long both together may take.</param>
    /// <param name="portClosed">Fires when the port is closed, where Kestrel does not tell the connection.</param>
    /// <returns>The client, and the protocols that it offers; <see langword="null"/> if the connection is to be closed.</returns>
    public async ValueTask<(ClientFacts Client, IReadOnlyList<string>? Protocols)?> ReceiveAsync(
        ConnectionContext connection, TcpPort port, AddressSet? trusted, bool needsHello, TimeSpan timeout, CancellationToken portClosed = default)
    {
        var client = FactsOf(connection);
        using var preread = new ConnectionPreread(connection, timeout, portClosed);
        try
        {
            if (trusted is not null)
            {
                if (!await TakeHeaderAsync(connection, port, client, trusted, preread))
                {
                    return null;
                }

                client = client with { RemoteEndPoint = connection.RemoteEndPoint, LocalEndPoint = connection.LocalEndPoint };
            }

            if (!needsHello)
            {
                return (client, null);
            }

            if (await preread.ReadClientHelloAsync() is { } hello)
            {
                metrics.Preread(port, isAnswered: true, hello.ServerName);
                return (client with { ServerName = hello.ServerName }, hello.Protocols);
            }

            refusals.PrereadTimedOut(port, client);
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            metrics.PrereadFailed(port);
            SpliceLog.PrereadFailed(_logger, port, exception);
        }

        return null;
    }

    private async ValueTask<bool> TakeHeaderAsync(
        ConnectionContext connection, TcpPort port, ClientFacts peer, AddressSet trusted, ConnectionPreread preread)
    {
        if (!trusted.Contains(peer.RemoteEndPoint))
        {
            refusals.ProxyUntrusted(port, peer);
            return false;
        }

        switch (await preread.TakeProxyHeaderAsync())
        {
            case null:
                return false;
            case (ProxyHeaderStatus.NeedMore, _):
                refusals.ProxyHeaderTimedOut(port, peer);
                return false;
            case (ProxyHeaderStatus.Malformed, _):
                refusals.ProxyHeaderMalformed(port, peer);
                return false;
            case (_, { Source: not null } header):
                connection.RemoteEndPoint = header.Source;
                connection.LocalEndPoint = header.Destination;
                break;
        }

        return true;
    }
}
