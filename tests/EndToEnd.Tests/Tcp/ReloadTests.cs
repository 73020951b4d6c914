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
        using var established = await TcpSession.OpenAsync(firstPort, upstream, timeout.Token);

        var both = GatewayConfiguration.Tcp("Splice", firstPort, upstream.Port);
        both["ReverseProxy"]!["Routes"]!["second"] = GatewayConfiguration.TcpRoute("Copy", secondPort, "tcp");
        await gateway.ReplaceConfigurationAsync(both.ToJsonString());
        await Deadline.UntilListeningAsync(secondPort, () => gateway.Program.Everything);
        await established.AssertRelaysAsync(timeout.Token);

        var onlySecond = (JsonObject)both.DeepClone();
        onlySecond["ReverseProxy"]!["Routes"]!.AsObject().Remove("tcp");
        await gateway.ReplaceConfigurationAsync(onlySecond.ToJsonString());
        await Deadline.UntilAsync(() => TcpSession.IsRefusedAsync(firstPort, timeout.Token), () => $"{firstPort} is still open.\n{gateway.Program.Everything}");
        await established.AssertRelaysAsync(timeout.Token);
        // Where the look at the second port waits to be accepted.
        upstream.Dispose();
    }

    [Fact]
    public async Task A_broken_file_is_refused_once_and_the_running_configuration_stays()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Splice", port, upstream.Port));
        gateway.ExpectRefusedConfiguration();

        await gateway.ReplaceConfigurationAsync("{\n  \"ReverseProxy\": {");
        await gateway.Program.WaitForOutputAsync("The configuration that is running stays");

        using var session = await TcpSession.OpenAsync(port, upstream, timeout.Token);
        await session.AssertRelaysAsync(timeout.Token);
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
        gateway.ExpectRefusedConfiguration();

        await gateway.ReplaceConfigurationAsync(GatewayConfiguration.Tcp("Teleport", port, upstream.Port).ToJsonString());
        await gateway.Program.WaitForOutputAsync("Teleport");

        using var session = await TcpSession.OpenAsync(port, upstream, timeout.Token);
        await session.AssertRelaysAsync(timeout.Token);
    }

    [Fact]
    public async Task A_port_goes_over_to_Kestrel_and_back_with_its_endpoints_alone()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        await using var site = await HttpUpstream.StartAsync();
        var (http, port) = (FreePort.Next(), FreePort.Next());
        var own = GatewayConfiguration.Http(site.Address, new JsonObject { ["http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{http}") });
        own["ReverseProxy"]!["Routes"]!["tcp"] = GatewayConfiguration.TcpRoute("Splice", port, "tcp");
        own["ReverseProxy"]!["Clusters"]!["tcp"] = GatewayConfiguration.Cluster($"tcp://127.0.0.1:{upstream.Port}");
        await using var gateway = await Gateway.StartAsync(own);
        using var first = await TcpSession.OpenAsync(port, upstream, timeout.Token);

        var shared = (JsonObject)own.DeepClone();
        shared["Kestrel"]!["Endpoints"]!["shared"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{port}");
        await gateway.ReplaceConfigurationAsync(shared.ToJsonString());
        await gateway.Program.WaitForOutputAsync("because Kestrel is to listen there");
        await gateway.Program.WaitForOutputAsync("a port of Kestrel's");
        using var second = await TcpSession.OpenAsync(port, upstream, timeout.Token);

        await gateway.ReplaceConfigurationAsync(own.ToJsonString());
        await Deadline.UntilAsync(
            () => Task.FromResult(gateway.Program.Output.Split($"Route tcp listens on 127.0.0.1:{port} (Splice).").Length == 3),
            () => gateway.Program.Everything);
        using var third = await TcpSession.OpenAsync(port, upstream, timeout.Token);

        foreach (var session in new[] { first, second, third })
        {
            await session.AssertRelaysAsync(timeout.Token);
        }
    }

    [Fact]
    public async Task Every_mistake_of_a_changed_file_is_logged_on_a_line_of_its_own()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var upstream = new TcpUpstream();
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Splice", port, upstream.Port));
        gateway.ExpectRefusedConfiguration();

        var broken = GatewayConfiguration.Tcp("Splice", port, upstream.Port);
        var splice = broken["ReverseProxy"]!["Routes"]!["tcp"]!["Splice"]!;
        splice["IdleTimeout"] = "never";
        splice["DrainTimeout"] = "-1";
        splice["Drain"] = "00:00:01";
        await gateway.ReplaceConfigurationAsync(broken.ToJsonString());
        await gateway.Program.WaitForOutputAsync("Splice:IdleTimeout is 'never'");
        await gateway.Program.WaitForOutputAsync("Splice:DrainTimeout is '-1'");
        await gateway.Program.WaitForOutputAsync("Splice:Drain is not a known key");

        using var session = await TcpSession.OpenAsync(port, upstream, timeout.Token);
        await session.AssertRelaysAsync(timeout.Token);
    }
}
