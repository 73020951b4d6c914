using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>deploy/compose.yaml and the configuration beside it.</summary>
public sealed class ComposeFileTests
{
    private static readonly JsonNode s_services = Assert.Single(DeployFiles.ReadYaml("compose.yaml"))["services"]!;
    private static readonly JsonNode s_gateway = s_services["gateway"]!;

    [Fact]
    public Task The_gateway_serves_the_configuration() =>
        new ShippedConfiguration(DeployFiles.Read("gateway.json")).ServesAsync(new Dictionary<string, string>(), "/healthz", "/readyz");

    [Fact]
    public void Ports_mount_and_destinations_are_those_of_the_configuration()
    {
        var configuration = new ShippedConfiguration(DeployFiles.Read("gateway.json"));
        Assert.Equal([$"127.0.0.1:{configuration.HttpPort}:{configuration.HttpPort}", $"127.0.0.1:{configuration.CachePort}:{configuration.CachePort}"],
            Texts(s_gateway["ports"]));
        Assert.Equal([$"./gateway.json:{ImageFile.ConfigurationPath}:ro"], Texts(s_gateway["volumes"]));
        Assert.All(configuration.DestinationAddresses, static address => Assert.NotNull(s_services[address.Host]));
        Assert.All(Texts(s_gateway["depends_on"]), static name => Assert.NotNull(s_services[name]));
    }

    [Fact]
    public void The_container_gets_what_the_image_is_made_for_and_the_time_to_stop()
    {
        var build = s_gateway["build"]!;
        Assert.True(File.Exists(Path.Combine(DeployFiles.PathOf(build["context"]!.GetValue<string>()), build["dockerfile"]!.GetValue<string>())));
        Assert.Equal(ImageFile.Capabilities, Texts(s_gateway["cap_add"]).Order());
        Assert.Equal(["ALL"], Texts(s_gateway["cap_drop"]));
        var grace = s_gateway["stop_grace_period"]!.GetValue<string>();
        Assert.True(TimeSpan.FromSeconds(int.Parse(grace.TrimEnd('s'), System.Globalization.CultureInfo.InvariantCulture)) >
            new ShippedConfiguration(DeployFiles.Read("gateway.json")).LongestStop);
    }

    private static IEnumerable<string> Texts(JsonNode? node) => node!.AsArray().Select(static one => one!.GetValue<string>());
}
