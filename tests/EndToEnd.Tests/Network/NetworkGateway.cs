using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>The built gateway on its host of a <see cref="RoutedNetwork"/>, with TCP routes for the client's host, and their destination on the upstream's.</summary>
internal sealed partial class NetworkGateway : IAsyncDisposable
{
    private readonly RoutedNetwork _network;
    private readonly TcpUpstream _upstream;
    private readonly IReadOnlyDictionary<string, int> _ports;

    private NetworkGateway(RoutedNetwork network, TcpUpstream upstream, IReadOnlyDictionary<string, int> ports, Gateway gateway)
    {
        _network = network;
        _upstream = upstream;
        _ports = ports;
        Gateway = gateway;
    }

    public static IReadOnlyList<string> Modes { get; } = ["Copy", "Splice", "Sockmap"];

    public Gateway Gateway { get; }

    /// <summary>Starts it with a route for each mode, which has the mode's name.</summary>
    public static Task<NetworkGateway> StartAsync(RoutedNetwork network) => StartAsync(network, Modes.ToDictionary(static mode => mode, Route));

    /// <summary>Starts it with routes, by their names; what else they need is filled in.</summary>
    /// <param name="triedBefore">Addresses of destinations that a session tries before the one that answers.</param>
    public static async Task<NetworkGateway> StartAsync(
        RoutedNetwork network, Dictionary<string, JsonObject> routes, params IPEndPoint[] triedBefore)
    {
        var upstream = await network.Upstream.Namespace.RunAsync(() => new TcpUpstream(network.Upstream.Address));
        try
        {
            var ports = routes.ToDictionary(static route => route.Key, static _ => FreePort.Next());
            var routeSection = new JsonObject();
            foreach (var (name, route) in routes)
            {
                route["ClusterId"] = "tcp";
                route["Match"] = new JsonObject { ["Hosts"] = new JsonArray($"*:{ports[name]}") };
                route["Splice"]!["Listen"] = $"{network.Gateway.Address}";
                routeSection[name] = route;
            }

            var destinations = new JsonObject();
            foreach (var address in triedBefore.Append(new IPEndPoint(network.Upstream.Address, upstream.Port)))
            {
                destinations[$"{destinations.Count:d2}"] = new JsonObject { ["Address"] = $"tcp://{address}" };
            }

            var configuration = new JsonObject
            {
                ["ReverseProxy"] = new JsonObject
                {
                    ["Routes"] = routeSection,
                    ["Clusters"] = new JsonObject
                    {
                        ["tcp"] = new JsonObject { ["LoadBalancingPolicy"] = "FirstAlphabetical", ["Destinations"] = destinations },
                    },
                },
            };
            var gateway = await Gateway.StartUnderAsync([.. network.Gateway.Namespace.Launcher], configuration, "--AccessLog:Format=Json");
            return new NetworkGateway(network, upstream, ports, gateway);
        }
        catch
        {
            upstream.Dispose();
            throw;
        }
    }

    public static JsonObject Route(string mode) => new() { ["Mode"] = mode, ["Splice"] = new JsonObject() };

    /// <summary>Opens a session, and exchanges enough for mode Sockmap to hand it to the kernel.</summary>
    public Task<TcpSession> OpenAsync(string route, CancellationToken cancellationToken) => OpenAsync(route, _network.Client, cancellationToken);

    /// <summary>As <see cref="OpenAsync(string, CancellationToken)"/>, from another host.</summary>
    public async Task<TcpSession> OpenAsync(string route, NetworkHost from, CancellationToken cancellationToken)
    {
        var socket = await from.Namespace.RunAsync(static () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        var session = await TcpSession.OpenAsync(socket, new IPEndPoint(_network.Gateway.Address, _ports[route]), _upstream, cancellationToken);
        session.Server.NoDelay = true;
        await session.AssertRelaysAsync(cancellationToken);
        return session;
    }

    /// <summary>Waits until the peers have acknowledged all that the gateway has sent.</summary>
    public async Task UntilAcknowledgedAsync()
    {
        var sockets = "";
        await Deadline.UntilAsync(
            async () =>
            {
                sockets = await _network.Gateway.Namespace.RunAsync(static () => File.ReadAllText("/proc/thread-self/net/tcp"));
                return !sockets.Split('\n').Any(static line => SentAndWaiting().IsMatch(line));
            },
            () => sockets);
    }

    /// <summary>Waits for the line that the access log has for the session of each route, in the routes' order.</summary>
    public async Task<IReadOnlyList<JsonNode>> ReadAccessLogAsync()
    {
        foreach (var route in _ports.Keys)
        {
            await Gateway.Program.WaitForOutputAsync($"\"route\":\"{route}\"");
        }

        var lines = Gateway.Program.Output.Split('\n').Where(static line => line.StartsWith('{')).Select(static line => JsonNode.Parse(line)!).ToList();
        return [.. _ports.Keys.Select(route => Assert.Single(lines, line => line["route"]!.GetValue<string>() == route))];
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        _upstream.Dispose();
    }

    // Addresses, state 1 (ESTABLISHED), and a queue of bytes to send that is not empty (proc_net_tcp.rst).
    [GeneratedRegex(@"^\s*\d+: \S+ \S+ 01 (?!0{8}:)")]
    private static partial Regex SentAndWaiting();
}
