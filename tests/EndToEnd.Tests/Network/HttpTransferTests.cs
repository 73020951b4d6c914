using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>HTTP through YARP on the transport, with an upload and a download at once, where the network loses packets or is out for a while.</summary>
public sealed class HttpTransferTests
{
    private const int UploadSize = 16 * 1024 * 1024;

    [RequiresRoutedNetworkTheory]
    [InlineData("1.1", false)]
    [InlineData("2.0", false)]
    [InlineData("1.1", true)]
    public async Task Bodies_arrive_unchanged(string version, bool isCut)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        await network.BecomeEthernetAsync();
        using var listener = await network.Upstream.Namespace.RunAsync(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(network.Upstream.Address, 0));
            return socket;
        });
        await using var upstream = await HttpUpstream.StartAsync(listener);
        var gatewayUrl = $"http://{network.Gateway.Address}:{FreePort.Next()}";
        var configuration = GatewayConfiguration.Http($"http://{listener.LocalEndPoint}", new JsonObject
        {
            ["Http"] = GatewayConfiguration.Endpoint(gatewayUrl, version == "1.1" ? "Http1" : "Http2"),
        });
        await using var gateway = await Gateway.StartUnderAsync([.. network.Gateway.Namespace.Launcher], configuration);
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellationToken) =>
            {
                var socket = await network.Client.Namespace.RunAsync(static () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                await socket.ConnectAsync(IPEndPoint.Parse($"{context.DnsEndPoint.Host}:{context.DnsEndPoint.Port}"), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = new Uri(gatewayUrl),
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Deadline.Default,
        };
        await network.LoseAsync(perThousand: 10);

        var upload = new byte[UploadSize];
        new Random(1).NextBytes(upload);
        using var content = new ByteArrayContent(upload);
        var uploading = client.PostAsync(new Uri("/upload", UriKind.Relative), content);
        using var download = await client.GetAsync(new Uri("/download", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        await using var body = await download.Content.ReadAsStreamAsync();
        if (isCut)
        {
            await network.CutAsync(network.Gateway);
            await Task.Delay(TimeSpan.FromSeconds(2));
            await network.RepairAsync(network.Gateway);
        }

        using var timeout = new CancellationTokenSource(Deadline.Default);
        var received = await HashPump.ReceiveAsync(body, timeout.Token);
        var sent = await HashPump.SendAsync(Stream.Null, HttpUpstream.DownloadSize, seed: 1, timeout.Token);
        Assert.Equal((HttpUpstream.DownloadSize, sent), received);
        using var uploaded = await uploading;
        Assert.Equal(Convert.ToHexString(SHA256.HashData(upload)), await uploaded.Content.ReadAsStringAsync());
    }
}
