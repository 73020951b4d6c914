namespace Bench.Driver.Contestants;

/// <summary>The TCP relays that every TCP row compares.</summary>
internal static class Relays
{
    public const string HaproxyCopy = "HAProxy, no splicing";
    public const string HaproxySplice = "HAProxy, splicing, 64 KiB pipes";
    public const string HaproxyBigPipes = "HAProxy, splicing, 1 MiB pipes";
    public const string NginxStream = "NGINX stream";

    public static IEnumerable<Contestant> Gateways => GatewayTcp.Modes.Select(static mode => new GatewayTcp(mode));

    /// <summary>For rows where splicing could matter.</summary>
    public static IEnumerable<Contestant> All(string nginxBuffer = "16k") =>
    [
        .. Gateways,
        new HaproxyTcp(HaproxyCopy, splices: false),
        new HaproxyTcp(HaproxySplice, splices: true),
        new HaproxyTcp(HaproxyBigPipes, splices: true, 1 << 20),
        new NginxStream(NginxStream, nginxBuffer),
    ];

    /// <summary>For rows where a pipe's size cannot matter.</summary>
    public static IEnumerable<Contestant> WithoutBigPipes => All().Where(static contestant => contestant.Name != HaproxyBigPipes);
}
