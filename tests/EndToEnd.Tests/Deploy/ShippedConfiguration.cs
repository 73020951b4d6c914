using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>A configuration that deploy/ has as an example: an HTTP site, and a cache in mode Sockmap.</summary>
internal sealed class ShippedConfiguration(string json)
{
    private readonly JsonNode _json = JsonNode.Parse(json)!;

    public int HttpPort => new Uri(_json["Kestrel"]!["Endpoints"]!["Http"]!["Url"]!.GetValue<string>()).Port;

    public int CachePort => int.Parse(_json["ReverseProxy"]!["Routes"]!["cache"]!["Match"]!["Hosts"]![0]!.GetValue<string>()["*:".Length..],
        System.Globalization.CultureInfo.InvariantCulture);

    public Uri? AdminUrl => _json["Admin"]?["Url"]?.GetValue<string>() is { } url ? new Uri(url) : null;

    /// <summary>How long a stop may take, by the keys of the file or their defaults.</summary>
    public TimeSpan LongestStop => Time("ShutdownDelay", TimeSpan.Zero) + Time("ShutdownTimeout", TimeSpan.FromSeconds(30));

    public IEnumerable<Uri> DestinationAddresses => _json["ReverseProxy"]!["Clusters"]!.AsObject()
        .SelectMany(static cluster => cluster.Value!["Destinations"]!.AsObject())
        .Select(static destination => new Uri(destination.Value!["Address"]!.GetValue<string>()));

    /// <summary>
    /// Runs the real program with the very text of the file, but on free loopback ports and with destinations of ours, sends HTTP and TCP traffic through, and
    /// asks the admin endpoint for these paths, without a token.
    /// </summary>
    public async Task ServesAsync(IReadOnlyDictionary<string, string> environment, params string[] paths)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        await using var site = await HttpUpstream.StartAsync();
        using var cache = new TcpUpstream();
        var (http, tcp) = (FreePort.Next(), FreePort.Next());
        using var folder = new TemporaryFolder("gateway-shipped");
        var file = folder["gateway.json"];
        await File.WriteAllTextAsync(file, json, timeout.Token);
        await using (var gateway = await Gateway.StartFileAsync(file, new Dictionary<string, string>(environment)
        {
            ["Kestrel__Endpoints__Http__Url"] = $"http://127.0.0.1:{http}",
            ["ReverseProxy__Routes__cache__Match__Hosts__0"] = $"*:{tcp}",
            ["ReverseProxy__Routes__cache__Splice__Listen"] = "127.0.0.1",
            ["ReverseProxy__Clusters__web__Destinations__a__Address"] = site.Address,
            ["ReverseProxy__Clusters__cache__Destinations__a__Address"] = $"tcp://127.0.0.1:{cache.Port}",
            ["ShutdownDelay"] = "00:00:00",
        }))
        {
            using var admin = await AdminClient.FindAsync(gateway);
            foreach (var path in paths)
            {
                using var answer = await admin.SendAsync(HttpMethod.Get, path);
                Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode}");
            }

            using var client = new HttpClient { Timeout = Deadline.Default };
            Assert.Equal("Hello", await client.GetStringAsync(new Uri($"http://127.0.0.1:{http}/"), timeout.Token));
            using var asking = await TcpUpstream.ConnectAsync(tcp, timeout.Token);
            using var answering = await cache.AcceptAsync(timeout.Token);
            await asking.SendAsync("ping"u8.ToArray(), timeout.Token);
            Assert.Equal(4, await answering.ReceiveAsync(new byte[8], timeout.Token));
        }

    }

    private TimeSpan Time(string key, TimeSpan otherwise) =>
        _json[key] is { } value ? TimeSpan.Parse(value.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture) : otherwise;
}
