using System.Net;

namespace Transport.Linux.Tests;

/// <summary>
/// Two network namespaces with a virtual cable between them. The kernel copies zero-copy data that arrives on the same machine
/// (skb_orphan_frags_rx), but a veth with an XDP program takes packets over into pages of its own before that, as a network card does.
/// </summary>
internal sealed class VethPair : IAsyncDisposable
{
    public static readonly IPAddress ServerAddress = IPAddress.Parse("192.0.2.1");

    private const string ServerDevice = "server";
    private const string ClientDevice = "client";

    private VethPair(NetworkNamespace server, NetworkNamespace client)
    {
        Server = server;
        Client = client;
    }

    public NetworkNamespace Server { get; }

    public NetworkNamespace Client { get; }

    public static async Task<VethPair> CreateAsync(bool takesPacketsOver)
    {
        var server = await NetworkNamespace.CreateAsync();
        var client = await NetworkNamespace.CreateAsync();
        await server.ConnectAsync(client, (ServerDevice, ServerAddress), (ClientDevice, IPAddress.Parse("192.0.2.2")));
        if (takesPacketsOver)
        {
            // The device goes with its namespace, and the link with the device; the descriptors end with the process.
            await client.RunAsync(static () => XdpPassProgram.Attach(ClientDevice));
        }

        return new VethPair(server, client);
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}
