using System.Net.Sockets;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>The container image, under podman and runc, not as root: with all capabilities that it can use, with some, and with none.</summary>
public sealed class ContainerTests(ContainerImage image) : IClassFixture<ContainerImage>
{
    private const int Exchanges = 20;

    [RequiresContainersTheory]
    [InlineData("BPF,NET_ADMIN,PERFMON", "Mode Sockmap runs in its Exact form")]
    [InlineData("BPF,NET_ADMIN", "Mode Sockmap runs in its Credit form: the process lacks CAP_PERFMON")]
    [InlineData("", "Operation not permitted (errno 1): the process lacks CAP_BPF and CAP_NET_ADMIN")]
    public async Task It_serves_HTTP_and_TCP_with_the_capabilities_that_it_gets(string capabilities, string expected)
    {
        var (http, splice, sockmap) = (FreePort.Next(), FreePort.Next(), FreePort.Next());
        await using var site = await HttpUpstream.StartAsync();
        using var tcp = new TcpUpstream();
        var configuration = GatewayConfiguration.Http(site.Address, new() { ["Http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{http}") });
        configuration["ReverseProxy"]!["Routes"]!["splice"] = GatewayConfiguration.TcpRoute("Splice", splice, "tcp");
        configuration["ReverseProxy"]!["Routes"]!["sockmap"] = GatewayConfiguration.TcpRoute("Sockmap", sockmap, "tcp");
        configuration["ReverseProxy"]!["Clusters"]!["tcp"] = GatewayConfiguration.Cluster($"tcp://127.0.0.1:{tcp.Port}");

        await using var container = await image.RunAsync(configuration, capabilities.Split(',', StringSplitOptions.RemoveEmptyEntries));
        using var client = new HttpClient();
        Assert.NotEmpty(await client.GetStringAsync($"http://127.0.0.1:{http}/plain"));
        await ExchangeAsync(splice, tcp);
        await ExchangeAsync(sockmap, tcp);
        await ExchangeAsync(sockmap, tcp);

        Assert.True(container.Output.Split(expected).Length == 2, container.Everything);
        container.Terminate();
        Assert.Equal(0, await container.WaitForExitAsync());
        Assert.InRange(image.Size, 1, 400_000_000);
    }

    [RequiresContainersTheory]
    [InlineData("Yarp.ReverseProxy")]
    [InlineData("Microsoft.NETCore.App.Runtime.linux-x64")]
    [InlineData("Microsoft.AspNetCore.App.Runtime.linux-x64")]
    public async Task It_says_what_it_is_made_of(string component)
    {
        var bill = JsonNode.Parse(await ContainerImage.ReadFileAsync("/app/sbom.cdx.json"))!;

        Assert.Single(bill["components"]!.AsArray(), listed => (string?)listed!["name"] == component);
    }

    private static async Task ExchangeAsync(int port, TcpUpstream upstream)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var client = await TcpUpstream.ConnectAsync(port, timeout.Token);
        using var server = await upstream.AcceptAsync(timeout.Token);
        var message = new byte[1000];
        for (var i = 0; i < Exchanges; i++)
        {
            await PassAsync(client, server, message, timeout.Token);
            await PassAsync(server, client, message, timeout.Token);
        }
    }

    private static async Task PassAsync(Socket from, Socket to, byte[] message, CancellationToken timeout)
    {
        await from.SendAsync(message, timeout);
        for (var received = 0; received < message.Length;)
        {
            var count = await to.ReceiveAsync(new byte[message.Length - received], timeout);
            Assert.NotEqual(0, count);
            received += count;
        }
    }
}
