using System.Net;
using System.Net.Sockets;

namespace RelayCases;

/// <summary>A route of the relay under test, as a case uses it.</summary>
public sealed class RelayRoute(RouteSettings settings, int port, bool prereads, IReadOnlyList<Destination> destinations) : IDisposable
{
    /// <summary>The name that clients of a route that prereads ask for.</summary>
    public const string ServerName = "relay.example";

    /// <summary>What is set for it.</summary>
    public RouteSettings Settings => settings;

    /// <summary>Where the relay listens, on 127.0.0.1.</summary>
    public int Port => port;

    /// <summary>Whether the relay has to read a ClientHello first. Each connection begins with one then, and the destination expects it.</summary>
    public bool Prereads => prereads;

    public IReadOnlyList<Destination> Destinations => destinations;

    public IPEndPoint EndPoint => new(IPAddress.Loopback, port);

    /// <summary>A client's connection. On a route that prereads, its ClientHello is sent.</summary>
    public async Task<Socket> ConnectAsync(bool sendsHello = true)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(EndPoint).WaitAsync(SocketSteps.Patience);
        if (prereads && sendsHello)
        {
            await client.SendAllAsync(CapturedHello.Of(ServerName));
        }

        return client;
    }

    /// <summary>The destination's connection, after the ClientHello if there is one.</summary>
    public async Task<Socket> AcceptAsync(int destination = 0)
    {
        var server = await destinations[destination].AcceptAsync(SocketSteps.Patience);
        if (server.AddressFamily != AddressFamily.Unix)
        {
            server.NoDelay = true;
        }

        if (prereads)
        {
            var hello = CapturedHello.Of(ServerName);
            await CaseExpect.ReceivesAsync(server, hello, "the ClientHello");
        }

        return server;
    }

    /// <summary>Both sides of a session that has exchanged a few messages: past arming, and past what a relay does only at the start.</summary>
    public async Task<(Socket Client, Socket Server)> OpenAsync()
    {
        var client = await ConnectAsync();
        var server = await AcceptAsync();
        for (byte i = 0; i < 5; i++)
        {
            await client.SendAllAsync(new[] { i });
            await CaseExpect.ReceivesAsync(server, new[] { i }, "a first message");
            await server.SendAllAsync(new[] { i });
            await CaseExpect.ReceivesAsync(client, new[] { i }, "a first answer");
        }

        return (client, server);
    }

    public void CloseLeftovers()
    {
        foreach (var destination in destinations)
        {
            destination.CloseLeftovers();
        }
    }

    public void Dispose()
    {
        foreach (var destination in destinations)
        {
            destination.Dispose();
        }
    }
}
