using System.Net;
using Testing;

namespace EndToEnd.Tests.Network;

/// <summary>
/// Three hosts, each with a cable (veth(4)) to a router, and all four network namespaces of their own. What happens to packets on their way through the
/// router is up to the test.
/// </summary>
internal sealed class RoutedNetwork : IAsyncDisposable
{
    private readonly List<NetworkNamespace> _namespaces = [];
    private NetworkNamespace _router = null!;

    private RoutedNetwork()
    {
    }

    public NetworkHost Client { get; private set; } = null!;

    public NetworkHost Gateway { get; private set; } = null!;

    public NetworkHost Upstream { get; private set; } = null!;

    private IEnumerable<NetworkHost> Hosts => [Client, Gateway, Upstream];

    public static async Task<RoutedNetwork> CreateAsync()
    {
        var network = new RoutedNetwork();
        try
        {
            network._router = await network.AddNamespaceAsync();
            network.Client = await network.AddHostAsync("client", "192.0.2");
            network.Gateway = await network.AddHostAsync("gateway", "198.51.100");
            network.Upstream = await network.AddHostAsync("upstream", "203.0.113");
            await network._router.SetAsync("ipv4/ip_forward", "1");
            // Else the third connection attempt in a row is not told why it fails, and a path's new MTU is told to one sender a second.
            await network._router.SetAsync("ipv4/icmp_ratelimit", "0");
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    public NetworkHost Find(string name) => Hosts.Single(host => host.Name == name);

    /// <summary>
    /// As Gigabit Ethernet, and what is common behind it: packets of at most 1,500 bytes, a queue of 256 KiB that drops the rest, and devices that put
    /// together again what arrives (GRO). Otherwise a veth passes on as one what TCP hands down as one, up to 64 KiB, as fast as it can.
    /// </summary>
    public async Task BecomeEthernetAsync()
    {
        foreach (var host in Hosts)
        {
            await host.Namespace.ExecuteAsync("ethtool", "-K", NetworkHost.Device, "tso", "off", "gso", "off", "gro", "on");
            await _router.ExecuteAsync("ethtool", "-K", host.Name, "tso", "off", "gso", "off", "gro", "off");
            await ShapeAsync(host, "1gbit");
        }
    }

    /// <summary>Loses so many packets in a thousand, at random.</summary>
    public Task LoseAsync(int perThousand) => FilterAsync($"numgen random mod 1000 < {perThousand} drop");

    /// <summary>Sends two packets in a hundred a detour, on which each waits for those before it: they arrive some milliseconds late, or never.</summary>
    public async Task ReorderAsync()
    {
        await FilterAsync("numgen random mod 100 < 2 meta priority set 2:20");
        foreach (var host in Hosts)
        {
            await TrafficControlAsync("qdisc", "replace", "dev", host.Name, "root", "handle", "2:", "htb", "default", "10");
            await TrafficControlAsync("class", "add", "dev", host.Name, "parent", "2:", "classid", "2:10", "htb", "rate", "1gbit", "burst", "64kb", "quantum", "60000");
            await TrafficControlAsync("class", "add", "dev", host.Name, "parent", "2:", "classid", "2:20", "htb", "rate", "8mbit", "quantum", "1514");
            await TrafficControlAsync("qdisc", "add", "dev", host.Name, "parent", "2:20", "pfifo", "limit", "16");
        }
    }

    /// <summary>Lets so much through to a host, with a queue of 256 KiB before it. Can be said again.</summary>
    /// <param name="rate">As tc(8) writes it.</param>
    public Task ShapeAsync(NetworkHost to, string rate) =>
        TrafficControlAsync("qdisc", "replace", "dev", to.Name, "root", "handle", "1:", "tbf", "rate", rate, "burst", "64kb", "limit", "256kb");

    /// <summary>Takes the router's end of the cable down, which the host notices too, and the router answers that there is no way.</summary>
    public Task CutAsync(NetworkHost host) => _router.ConfigureAsync("link", "set", host.Name, "down");

    public Task RepairAsync(NetworkHost host) => _router.ConfigureAsync("link", "set", host.Name, "up");

    /// <summary>Drops what comes from a host and what goes to it, without a word.</summary>
    public Task SilenceAsync(NetworkHost host) => FilterAsync($"iifname {host.Name} drop", $"oifname {host.Name} drop");

    /// <summary>Answers packets to an address and port with an ICMP message of type destination-unreachable.</summary>
    /// <param name="code">As nft(8) writes it.</param>
    public Task RejectAsync(IPEndPoint to, string code) => FilterAsync($"ip daddr {to.Address} tcp dport {to.Port} reject with icmp type {code}");

    /// <summary>Ends what <see cref="LoseAsync"/>, <see cref="SilenceAsync"/> and <see cref="RejectAsync"/> began.</summary>
    public Task PassAsync() => FilterAsync();

    /// <summary>Lets only packets of so many bytes through the router. Hosts hear of it by ICMP (fragmentation needed, RFC 1191), or never.</summary>
    public async Task SetPathMtuAsync(int mtu, bool isAnnounced)
    {
        if (!isAnnounced)
        {
            await NftAsync("add table ip own; add chain ip own output { type filter hook output priority 0; }; " +
                "add rule ip own output icmp type destination-unreachable icmp code frag-needed drop");
        }

        foreach (var host in Hosts)
        {
            await _router.ConfigureAsync("route", "replace", host.Network, "dev", host.Name, "src", $"{host.RouterAddress}", "mtu", $"{mtu}");
        }
    }

    /// <summary>Sets a parameter of every host.</summary>
    public async Task SetAsync(string parameter, string value)
    {
        foreach (var host in Hosts)
        {
            await host.Namespace.SetAsync(parameter, value);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // The cables go with their ends.
        foreach (var network in _namespaces)
        {
            await network.DisposeAsync();
        }
    }

    private async Task<NetworkNamespace> AddNamespaceAsync()
    {
        _namespaces.Add(await NetworkNamespace.CreateAsync());
        return _namespaces[^1];
    }

    private async Task<NetworkHost> AddHostAsync(string name, string prefix)
    {
        var host = new NetworkHost(name, prefix, await AddNamespaceAsync());
        await _router.ConnectAsync(host.Namespace, (name, host.RouterAddress), (NetworkHost.Device, host.Address));
        // The router asks once for a host that isn't there, instead of three times, a second each.
        await _router.SetAsync($"ipv4/neigh/{name}/mcast_solicit", "1");
        await host.Namespace.ConfigureAsync("route", "add", "default", "via", $"{host.RouterAddress}");
        return host;
    }

    /// <summary>Replaces the rules for packets that the router passes on.</summary>
    private Task FilterAsync(params string[] rules) => NftAsync(
        "add table inet path; delete table inet path; add table inet path; " +
        "add chain inet path forward { type filter hook forward priority 0; }; " +
        string.Concat(rules.Select(static rule => $"add rule inet path forward {rule} ; ")));

    private async Task NftAsync(string commands) => await _router.ExecuteAsync("nft", commands);

    private async Task TrafficControlAsync(params string[] arguments) => await _router.ExecuteAsync("tc", arguments);
}
