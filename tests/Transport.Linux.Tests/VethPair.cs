using System.Net;
using Transport.Linux.Interop;

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

    private readonly int? _link;

    private VethPair(NetworkNamespace server, NetworkNamespace client, int? link)
    {
        Server = server;
        Client = client;
        _link = link;
    }

    public NetworkNamespace Server { get; }

    public NetworkNamespace Client { get; }

    public static async Task<VethPair> CreateAsync(bool takesPacketsOver)
    {
        var server = await NetworkNamespace.CreateAsync();
        var client = await NetworkNamespace.CreateAsync();
        await server.ConnectAsync(client, (ServerDevice, ServerAddress), (ClientDevice, IPAddress.Parse("192.0.2.2")));
        int? link = null;
        if (takesPacketsOver)
        {
            link = await client.RunAsync(static () => XdpPassProgram.Attach(ClientDevice));
        }

        return new VethPair(server, client, link);
    }

    public async ValueTask DisposeAsync()
    {
        if (_link is { } link)
        {
            _ = SocketCalls.Close(link);
        }

        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}
