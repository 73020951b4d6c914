using System.Net.Sockets;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>TCP routes come and go with the file, and nobody else notices.</summary>
public sealed class ReloadTests
{
    [Fact]
    public async Task A_route_that_is_added_opens_its_port_and_one_that_is_removed_keeps_its_sessions()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var (firstPort, secondPort) = (FreePort.Next(), FreePort.Next());
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Splice", firstPort, upstream.Port));
        using var established = await TcpUpstream.ConnectAsync(firstPort, timeout.Token);
        using var establishedServer = await upstream.AcceptAsync(timeout.Token);

        var both = GatewayConfiguration.Tcp("Splice", firstPort, upstream.Port);
        both["ReverseProxy"]!["Routes"]!["second"] = GatewayConfiguration.TcpRoute("Copy", secondPort, "tcp");
        await gateway.ReplaceConfigurationAsync(both.ToJsonString());
        await Deadline.UntilListeningAsync(secondPort, () => gateway.Program.Everything);
        await AssertRelaysAsync(established, establishedServer, timeout.Token);

        var onlySecond = (JsonObject)both.DeepClone();
        onlySecond["ReverseProxy"]!["Routes"]!.AsObject().Remove("tcp");
        await gateway.ReplaceConfigurationAsync(onlySecond.ToJsonString());
        await Deadline.UntilAsync(() => IsRefusedAsync(firstPort, timeout.Token), () => $"{firstPort} is still open.\n{gateway.Program.Everything}");
        await AssertRelaysAsync(established, establishedServer, timeout.Token);
    }

    [Fact]
    public async Task A_broken_file_is_refused_once_and_the_running_configuration_stays()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Splice", port, upstream.Port));

        await gateway.ReplaceConfigurationAsync("{\n  \"ReverseProxy\": {");
        await gateway.Program.WaitForOutputAsync("The configuration that is running stays");

        using var client = await TcpUpstream.ConnectAsync(port, timeout.Token);
        using var server = await upstream.AcceptAsync(timeout.Token);
        await AssertRelaysAsync(client, server, timeout.Token);
        var refusals = gateway.Program.Output.Split('\n').Count(line => line.Contains("running stays", StringComparison.Ordinal));
        Assert.Equal(1, refusals);
        Assert.Contains("gateway.json: line 2, position", gateway.Program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_mode_in_a_changed_file_is_refused_and_the_running_configuration_stays()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Splice", port, upstream.Port));

        await gateway.ReplaceConfigurationAsync(GatewayConfiguration.Tcp("Teleport", port, upstream.Port).ToJsonString());
        await gateway.Program.WaitForOutputAsync("Teleport");

        using var client = await TcpUpstream.ConnectAsync(port, timeout.Token);
        using var server = await upstream.AcceptAsync(timeout.Token);
        await AssertRelaysAsync(client, server, timeout.Token);
    }

    private static async Task AssertRelaysAsync(Socket client, Socket server, CancellationToken cancellationToken)
    {
        await client.SendAsync(new byte[] { 42 }, cancellationToken);
        var buffer = new byte[1];
        Assert.Equal(1, await server.ReceiveAsync(buffer, cancellationToken));
        Assert.Equal(42, buffer[0]);
    }

    private static async Task<bool> IsRefusedAsync(int port, CancellationToken cancellationToken)
    {
        try
        {
            using var socket = await TcpUpstream.ConnectAsync(port, cancellationToken);
            return false;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return true;
        }
    }
}
