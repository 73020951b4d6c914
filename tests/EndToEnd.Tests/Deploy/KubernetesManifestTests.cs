using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>The manifests under deploy/kubernetes: what they say of ports, probes and times is what the gateway does with the configuration in them.</summary>
public sealed class KubernetesManifestTests
{
    private const string Main = "kubernetes/gateway.yaml";
    private const string HostNetwork = "kubernetes/host-network.yaml";

    private static readonly string[] s_probes = ["startupProbe", "livenessProbe", "readinessProbe"];

    public static TheoryData<string> Workloads => [Main, HostNetwork];

    [Theory]
    [MemberData(nameof(Workloads))]
    public async Task The_gateway_serves_the_configuration_and_answers_the_probes(string file)
    {
        var (container, _) = ContainerOf(file);
        Assert.All(s_probes, probe => Assert.Equal("admin", Text(container[probe]!["httpGet"]!["port"])));
        Assert.Equal("/readyz", Text(container["readinessProbe"]!["httpGet"]!["path"]));
        Assert.Equal("/healthz", Text(container["livenessProbe"]!["httpGet"]!["path"]));

        // The variables of the pod, with a value for the Secret's; on an address for others the start is refused without the token.
        var environment = container["env"]!.AsArray().ToDictionary(static one => Text(one!["name"]), static _ => AdminClient.Token);
        Assert.Contains("Admin__Token", environment.Keys);
        environment["Admin__Url"] = "http://0.0.0.0:0";
        await Configuration().ServesAsync(environment, [.. s_probes.Select(probe => Text(container[probe]!["httpGet"]!["path"]))]);
    }

    [Theory]
    [MemberData(nameof(Workloads))]
    public void Container_ports_are_those_of_the_configuration(string file)
    {
        var (container, pod) = ContainerOf(file);
        var configuration = Configuration();
        var ports = container["ports"]!.AsArray().ToDictionary(static port => Text(port!["name"]), static port => Text(port!["containerPort"]));
        Assert.Equal($"{configuration.HttpPort}", ports["http"]);
        Assert.Equal($"{configuration.CachePort}", ports["cache"]);
        Assert.Equal($"{configuration.AdminUrl!.Port}", ports["admin"]);
        if (pod["hostNetwork"] is not null)
        {
            Assert.All(container["ports"]!.AsArray(), static port => Assert.Equal(Text(port!["containerPort"]), Text(port["hostPort"])));
        }
    }

    [Theory]
    [MemberData(nameof(Workloads))]
    public void The_pod_may_do_what_the_image_is_made_for_and_no_more(string file)
    {
        var (container, _) = ContainerOf(file);
        var security = container["securityContext"]!;
        Assert.Equal(("true", "true"), (Text(security["runAsNonRoot"]), Text(security["readOnlyRootFilesystem"])));
        Assert.Equal(["ALL"], Texts(security["capabilities"]!["drop"]));
        Assert.Equal(ImageFile.Capabilities, Texts(security["capabilities"]!["add"]).Order());
        // The kernel ignores the file capabilities of the image without it (docs/deploy.md).
        Assert.Equal("true", Text(security["allowPrivilegeEscalation"]));
    }

    [Theory]
    [MemberData(nameof(Workloads))]
    public void The_configuration_is_mounted_where_the_image_looks_and_the_pod_gets_the_time_to_stop(string file)
    {
        var (container, pod) = ContainerOf(file);
        var mount = Assert.Single(container["volumeMounts"]!.AsArray())!;
        // A file that is mounted by subPath would never change.
        Assert.Null(mount["subPath"]);
        var map = Document(Main, "ConfigMap");
        Assert.Equal(ImageFile.ConfigurationPath, $"{Text(mount["mountPath"])}/{Assert.Single(map["data"]!.AsObject()).Key}");
        var volume = Assert.Single(pod["volumes"]!.AsArray())!;
        Assert.Equal(Text(mount["name"]), Text(volume["name"]));
        Assert.Equal(Text(map["metadata"]!["name"]), Text(volume["configMap"]!["name"]));
        Assert.True(TimeSpan.FromSeconds(int.Parse(Text(pod["terminationGracePeriodSeconds"]), System.Globalization.CultureInfo.InvariantCulture)) >
            Configuration().LongestStop);
    }

    [Fact]
    public void Selectors_find_the_pods_and_services_their_ports()
    {
        foreach (var document in DeployFiles.ReadYaml(Main).Concat(DeployFiles.ReadYaml(HostNetwork)))
        {
            Assert.Equal("gateway", Text(document["metadata"]!["namespace"]));
            Assert.NotEmpty(Text(document["apiVersion"]));
            if (document["spec"] is { } spec && spec["selector"] is { } selector)
            {
                var labels = (selector["matchLabels"] ?? selector).ToJsonString();
                Assert.Equal(Document(Main, "Deployment")["spec"]!["template"]!["metadata"]!["labels"]!.ToJsonString(), labels);
                Assert.True(spec["template"] is not { } template || template["metadata"]!["labels"]!.ToJsonString() == labels);
            }
        }

        var names = ContainerOf(Main).Container["ports"]!.AsArray().Select(static port => Text(port!["name"])).ToArray();
        Assert.All(Document(Main, "Service")["spec"]!["ports"]!.AsArray(), port => Assert.Contains(Text(port!["targetPort"]), names));
        var annotations = Document(Main, "Deployment")["spec"]!["template"]!["metadata"]!["annotations"]!;
        Assert.Equal($"{Configuration().AdminUrl!.Port}", Text(annotations["prometheus.io/port"]));
    }

    private static ShippedConfiguration Configuration() => new(Text(Document(Main, "ConfigMap")["data"]!["gateway.json"]));

    private static (JsonNode Container, JsonNode Pod) ContainerOf(string file)
    {
        var pod = DeployFiles.ReadYaml(file).Single(static document => document["spec"]?["template"] is not null)["spec"]!["template"]!["spec"]!;
        return (Assert.Single(pod["containers"]!.AsArray())!, pod);
    }

    private static JsonNode Document(string file, string kind) => DeployFiles.ReadYaml(file).Single(document => Text(document["kind"]) == kind);

    private static string Text(JsonNode? node) => node!.GetValue<string>();

    private static IEnumerable<string> Texts(JsonNode? node) => node!.AsArray().Select(Text);
}
