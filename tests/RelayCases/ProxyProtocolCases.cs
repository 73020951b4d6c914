using System.Net;
using System.Text;

namespace RelayCases;

/// <summary>Telling the destination who the client is ("The PROXY protocol, versions 1 &amp; 2", haproxy.org).</summary>
internal static class ProxyProtocolCases
{
    public static IReadOnlyList<RelayCase> List { get; } =
    [
        new(45, "PROXY protocol v1 towards the destination", new RouteSettings("proxy-v1") { ProxyProtocol = 1 }, TextAsync) { AlsoAfterPreread = false },
        new(45, "PROXY protocol v2 towards the destination", new RouteSettings("proxy-v2") { ProxyProtocol = 2 }, BinaryAsync) { AlsoAfterPreread = false },
    ];

    private static Task<string> TextAsync(RelayRoute route) => HeaderAsync(route, static (client, relay) =>
        Encoding.ASCII.GetBytes($"PROXY TCP4 {client.Address} {relay.Address} {client.Port} {relay.Port}\r\n"));

    private static Task<string> BinaryAsync(RelayRoute route) => HeaderAsync(route, static (client, relay) =>
    [
        .. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, 0x11, 0, 12, .. client.Address.GetAddressBytes(), .. relay.Address.GetAddressBytes(),
        (byte)(client.Port >> 8), (byte)client.Port, (byte)(relay.Port >> 8), (byte)relay.Port,
    ]);

    private static async Task<string> HeaderAsync(RelayRoute route, Func<IPEndPoint, IPEndPoint, byte[]> expected)
    {
        using var client = await route.ConnectAsync();
        using var server = await route.AcceptAsync();
        await client.SendAllAsync("hello"u8.ToArray());
        client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        byte[] all = [.. expected((IPEndPoint)client.LocalEndPoint!, route.EndPoint), .. "hello"u8];
        await CaseExpect.ReceivesToEndAsync(server, all, "header and data");
        return "exact, once, first";
    }
}
