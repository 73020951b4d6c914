using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.Splice.Limits;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests;

public class ConfigurationTests
{
    private const string Clusters = """
        "Clusters": {
          "db": { "Destinations": { "a": { "Address": "tcp://10.0.0.1:5432" }, "b": { "Address": "unix:/run/db.sock" } } },
          "sticky": { "SessionAffinity": { "Enabled": true, "AffinityKeyName": "k" }, "Destinations": { "a": { "Address": "10.0.0.1:1" } } },
          "limited": { "Destinations": { "a": { "Address": "10.0.0.1:1", "Metadata": { "splice.maxConnections": "0" } } } },
          "web": { "Destinations": { "a": { "Address": "ftp://10.0.0.1:21" } } } }
        """;

    [Fact]
    public async Task Mode_and_Splice_keys_are_lifted_into_metadata()
    {
        var json = Route("""
            "ClusterId": "db", "mode": "sockmap", "Match": { "Hosts": [ "*:15432", "*:15433" ] }, "Metadata": { "Other": "kept" },
            "Splice": { "ConnectTimeout": "00:00:02", "IdleTimeout": "02:00:00", "HalfCloseTimeout": "00:00:30", "ConnectAttempts": 7,
                        "MaxConnections": 10, "QueueTimeout": "00:00:03", "MaxQueue": 20, "ConnectionRate": 30, "ConnectionBurst": 40, "MaxLifetime": "10.00:00:00",
                        "Listen": "127.0.0.1", "BindSource": "127.0.0.7" }
            """);
        var gateway = TestGateway.Create(json);
        await using var app = gateway.App;

        Assert.True(app.Services.GetRequiredService<IProxyStateLookup>().TryGetRoute("r", out var route));
        Assert.Equal("sockmap", route.Config.Metadata!["Splice.Mode"]);
        Assert.Equal("02:00:00", route.Config.Metadata["Splice.IdleTimeout"]);
        Assert.Equal("kept", route.Config.Metadata["Other"]);
        var table = app.Services.GetRequiredService<TcpRoutes>().Current;
        Assert.Equal([15432, 15433], table.Routes.Select(static tcpRoute => tcpRoute.Port));
        var tcp = table.Routes[0];
        Assert.Equal(SpliceMode.Sockmap, tcp.Mode);
        Assert.Equal("db", tcp.ClusterId);
        Assert.Equal(TimeSpan.FromSeconds(2), tcp.ConnectTimeout);
        Assert.Equal(TimeSpan.FromHours(2), tcp.IdleTimeout);
        Assert.Equal(TimeSpan.FromSeconds(30), tcp.HalfCloseTimeout);
        Assert.Equal(7, tcp.ConnectAttempts);
        Assert.Equal(
            new RouteLimits
            {
                MaxConnections = 10,
                QueueTimeout = TimeSpan.FromSeconds(3),
                MaxQueue = 20,
                ConnectionRate = 30,
                ConnectionBurst = 40,
                MaxLifetime = TimeSpan.FromDays(10),
            },
            tcp.Limits);
        Assert.Equal("127.0.0.1", tcp.Listen!.ToString());
        Assert.Equal("127.0.0.7", tcp.BindSource!.ToString());
    }

    [Fact]
    public async Task Rates_are_read()
    {
        var gateway = TestGateway.Create(Route("""
            "ClusterId": "db", "Mode": "Auto", "Match": { "Hosts": [ "*:15432" ] },
            "Splice": { "BytesPerSecondToUpstream": 1000, "BytesPerSecondToClient": 1000000000000, "PauseImmune": false }
            """));
        await using var app = gateway.App;
        Assert.Equal(
            new RouteLimits { BytesPerSecondToUpstream = 1000, BytesPerSecondToClient = 1_000_000_000_000 },
            Assert.Single(app.Services.GetRequiredService<TcpRoutes>().Current.Routes).Limits);
    }

    [Theory]
    [InlineData(""" "Mode": "Auto", "Splice": { "PauseImmune": true } """, true)]
    [InlineData(""" "Metadata": { "Splice.Mode": "Auto", "Splice.PauseImmune": "true" } """, true)]
    [InlineData(""" "Mode": "Auto" """, false)]
    [InlineData(""" "Mode": "Splice", "Splice": { "PauseImmune": false } """, false)]
    public async Task Pause_immunity_is_read_with_mode_Auto_and_off_by_default(string keys, bool isImmune)
    {
        var gateway = TestGateway.Create(Route($$""" "ClusterId": "db", "Match": { "Hosts": [ "*:15432" ] }, {{keys}} """));
        await using var app = gateway.App;
        Assert.Equal(isImmune, Assert.Single(app.Services.GetRequiredService<TcpRoutes>().Current.Routes).PauseImmune);
    }

    [Fact]
    public async Task Metadata_alone_makes_a_tcp_route()
    {
        var gateway = TestGateway.Create(Route(
            """ "ClusterId": "db", "Match": { "Hosts": [ "*:15432" ] }, "Metadata": { "Splice.Mode": "Copy", "Splice.ConnectAttempts": "1" } """));
        await using var app = gateway.App;
        var route = Assert.Single(app.Services.GetRequiredService<TcpRoutes>().Current.Routes);
        Assert.Equal((SpliceMode.Copy, 1), (route.Mode, route.ConnectAttempts));
    }

    [Fact]
    public async Task The_same_value_in_both_forms_is_accepted()
    {
        var gateway = TestGateway.Create(Route(
            """ "ClusterId": "db", "Mode": "Copy", "Match": { "Hosts": [ "*:15432" ] }, "Metadata": { "Splice.Mode": "copy" } """));
        await using var app = gateway.App;
        Assert.Single(app.Services.GetRequiredService<TcpRoutes>().Current.Routes);
    }

    [Fact]
    public async Task Keys_of_other_libraries_are_accepted_when_they_are_named()
    {
        var gateway = TestGateway.Create(
            Route(""" "ClusterId": "web", "owner": "somebody", "Match": { "Path": "/x" } """),
            static builder => builder.Services.Configure<SpliceOptions>(static options => options.AdditionalRouteKeys.Add("Owner")));
        await using var app = gateway.App;
        Assert.True(app.Services.GetRequiredService<IProxyStateLookup>().TryGetRoute("r", out _));
    }

    [Theory]
    [InlineData(""" "Mode": "Fast" """, "Route 'r': Mode is 'Fast'; accepted are Copy, Splice, Sockmap, Auto.")]
    [InlineData(""" "Mode": "1" """, "Route 'r': Mode is '1'; accepted are Copy, Splice, Sockmap, Auto.")]
    [InlineData(""" "Mode": "" """, "Route 'r': Mode is ''; accepted are Copy, Splice, Sockmap, Auto.")]
    [InlineData(""" "Mod": "Copy" """, "Route 'r': Mod is not a known key; accepted are AuthorizationPolicy, ClusterId,")]
    [InlineData(""" "Splice": { "IdleTimeout": "01:00:00" } """, "Route 'r': Splice:IdleTimeout is set, but neither Mode nor Splice:Upgrades nor")]
    [InlineData(""" "Metadata": { "Splice.IdleTimeout": "01:00:00" } """, "Route 'r': Splice:IdleTimeout is set, but neither Mode nor Splice:Upgrades nor")]
    [InlineData(""" "Splice": { "Listen": "127.0.0.1", "Upgrades": "Splice" } """, "Route 'r': Splice:Listen is set, but Mode is not;")]
    [InlineData(""" "Splice": { "ConnectTimeout": "00:00:01", "Upgrades": "Splice" } """, "Route 'r': Splice:ConnectTimeout is set, but neither Mode nor Splice:Connect is")]
    [InlineData(""" "Splice": { "Upgrades": "Fast" } """, "Route 'r': Splice:Upgrades is 'Fast'; accepted is Managed, Copy, Splice, Sockmap, Auto.")]
    [InlineData(""" "Splice": { "Connect": [ "db" ] } """, "Route 'r': Splice:Connect is 'db'; accepted is a list of NAME:PORT, *.NAME:PORT,")]
    [InlineData(""" "Splice": { "Connect": [ "a:1", "*:443" ] } """, "Route 'r': Splice:Connect is '*:443'; accepted is a list of NAME:PORT,")]
    [InlineData(""" "Splice": { "Connect": [ "a:0" ] } """, "Route 'r': Splice:Connect is 'a:0'; accepted is")]
    [InlineData(""" "Splice": { "Connect": { "a": "b:1" } } """, "Route 'r': Splice:Connect is not a list; accepted is a list of")]
    [InlineData(""" "Mode": "Copy", "Splice": { "Upgrades": "Splice" } """, "Route 'r': Splice:Upgrades is 'Splice', which only an HTTP route can have;")]
    [InlineData(""" "Mode": "Copy", "Splice": { "Connect": [ "a:1" ] } """, "Route 'r': Splice:Connect is 'a:1', which only an HTTP route can have;")]
    [InlineData(""" "Mode": "Copy", "Splice": "fast" """, "Route 'r': Splice is 'fast'; accepted is a section")]
    [InlineData(""" "Mode": "Copy", "Splice": { "Idle": "01:00:00" } """, "Route 'r': Splice:Idle is not a known key; accepted are ConnectTimeout,")]
    [InlineData(""" "Mode": "Copy", "Metadata": { "Splice.Idle": "1" } """, "Route 'r': Metadata:Splice.Idle is not a known key; accepted are Splice.Mode,")]
    [InlineData(""" "Mode": "Copy", "Splice": { "IdleTimeout": "30" } """, "Route 'r': Splice:IdleTimeout is '30'; accepted is a time span")]
    [InlineData(""" "Mode": "Copy", "Splice": { "IdleTimeout": "31.00:00:00" } """, "Splice:IdleTimeout is '31.00:00:00'")]
    [InlineData(""" "Mode": "Copy", "Splice": { "HalfCloseTimeout": "00:00:00" } """, "Splice:HalfCloseTimeout is '00:00:00'")]
    [InlineData(""" "Mode": "Copy", "Splice": { "ConnectTimeout": "01:00:01" } """, "Splice:ConnectTimeout is '01:00:01'; accepted is a time span above 0 and up to 01:00:00")]
    [InlineData(""" "Mode": "Copy", "Splice": { "PrereadTimeout": "00:00:00" } """, "Splice:PrereadTimeout is '00:00:00'; accepted is a time span above 0 and up to 01:00:00")]
    [InlineData(""" "Mode": "Copy", "Splice": { "ConnectAttempts": 0 } """, "Splice:ConnectAttempts is '0'; accepted is a number from 1 to 100.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "ConnectAttempts": 101 } """, "Splice:ConnectAttempts is '101'")]
    [InlineData(""" "Mode": "Copy", "Splice": { "MaxConnections": "many" } """, "Splice:MaxConnections is 'many'; accepted is a number from 1 on.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "QueueTimeout": "01:00:01" } """, "Splice:QueueTimeout is '01:00:01'; accepted is a time span above 0 and up to 01:00:00")]
    [InlineData(""" "Mode": "Copy", "Splice": { "QueueTimeout": "00:00:01", "MaxQueue": 0 } """, "Splice:MaxQueue is '0'; accepted is a number from 1 to 1000000.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "MaxQueue": 5 } """, "Splice:MaxQueue is '5', but Splice:QueueTimeout is not set; accepted is both, or none.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "ConnectionRate": 0.5 } """, "Splice:ConnectionRate is '0.5'; accepted is a number from 1 to 1000000.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "ConnectionBurst": 5 } """, "Splice:ConnectionBurst is '5', but Splice:ConnectionRate is not set;")]
    [InlineData(""" "Mode": "Copy", "Splice": { "MaxLifetime": "30.00:00:01" } """, "Splice:MaxLifetime is '30.00:00:01'; accepted is a time span above 0 and up to 30.00:00:00")]
    [InlineData(""" "Mode": "Copy", "Splice": { "BytesPerSecondToUpstream": 999 } """, "Splice:BytesPerSecondToUpstream is '999'; accepted is a number from 1000 to 1000000000000.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "BytesPerSecondToClient": 1000000000001 } """, "Splice:BytesPerSecondToClient is '1000000000001'; accepted is a number from 1000 to")]
    [InlineData(""" "Mode": "Sockmap", "Splice": { "BytesPerSecondToClient": 5000 } """, "Splice:BytesPerSecondToClient is '5000', but Mode is 'Sockmap', with which the kernel moves bytes past the gateway; accepted is Mode Copy, Splice or Auto")]
    [InlineData(""" "Mode": "Auto", "Splice": { "BytesPerSecondToUpstream": 5000, "PauseImmune": true } """, "Splice:BytesPerSecondToUpstream is '5000', but Splice:PauseImmune is set, with which")]
    [InlineData(""" "Mode": "Copy", "Splice": { "UserTimeout": "25.00:00:00" } """, "Splice:UserTimeout is '25.00:00:00'; accepted is a time span from 00:00:00.001 to 24.00:00:00.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "KeepAliveTime": "00:00:01.5" } """, "Splice:KeepAliveTime is '00:00:01.5000000'; accepted is whole seconds from 00:00:01 to 09:06:07.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "KeepAliveCount": 3 } """, "Splice:KeepAliveCount is '3', but Splice:KeepAliveTime, which turns the probes on, is not set;")]
    [InlineData(""" "Mode": "Copy", "Splice": { "ProxyProtocol": "2" } """, "Splice:ProxyProtocol is '2'; accepted is None, V1, V2.")]
    [InlineData(""" "Mode": "Auto", "Splice": { "PauseImmune": "yes" } """, "Splice:PauseImmune is 'yes'; accepted is true or false.")]
    [InlineData(""" "Mode": "Copy", "Splice": { "PauseImmune": true } """, "Splice:PauseImmune is 'True', but Mode is 'Copy'; accepted is Mode Auto")]
    [InlineData(""" "Mode": "Sockmap", "Metadata": { "Splice.PauseImmune": "true" } """, "Splice:PauseImmune is 'true', but Mode is 'Sockmap'; accepted is Mode Auto")]
    [InlineData(""" "Mode": "Copy", "Splice": { "Listen": "localhost" } """, "Splice:Listen is 'localhost'; accepted is an IP address")]
    [InlineData(""" "Mode": "Copy", "Splice": { "BindSource": "eth0" } """, "Splice:BindSource is 'eth0'; accepted is an IP address of this machine")]
    [InlineData(""" "Mode": "Copy", "Splice": { "Listen": "10.1" } """, "Splice:Listen is '10.1'")]
    [InlineData(""" "Mode": "Copy", "Metadata": { "Splice.Mode": "Splice" } """, "Route 'r': Mode is 'Copy' but Metadata:Splice.Mode is 'Splice'; accepted is one of them")]
    [InlineData(""" "Mode": "Copy", "AuthorizationPolicy": "default" """, "AuthorizationPolicy is 'default', which only an HTTP route can have;")]
    [InlineData(""" "Mode": "Copy", "CorsPolicy": "default" """, "CorsPolicy is 'default', which")]
    [InlineData(""" "Mode": "Copy", "RateLimiterPolicy": "default" """, "RateLimiterPolicy is 'default', which")]
    [InlineData(""" "Mode": "Copy", "OutputCachePolicy": "default" """, "OutputCachePolicy is not a known key;")]
    [InlineData(""" "Mode": "Copy", "TimeoutPolicy": "default" """, "TimeoutPolicy is 'default', which")]
    [InlineData(""" "Mode": "Copy", "Timeout": "00:00:01" """, "Timeout is '00:00:01', which")]
    [InlineData(""" "Mode": "Copy", "MaxRequestBodySize": 5 """, "MaxRequestBodySize is '5', which")]
    [InlineData(""" "Mode": "Copy", "Transforms": [ { "PathPrefix": "/x" } ] """, "Transforms is 'PathPrefix', which")]
    public void Wrong_keys_and_values_stop_the_start_with_a_message(string keys, string message) =>
        AssertRefused($$""" "ClusterId": "db", "Match": { "Hosts": [ "*:15432" ] }, {{keys}} """, message);

    [Theory]
    [InlineData(""" "Hosts": [ "*:15432" ], "Path": "/x" """, "Match:Path is '/x', which only an HTTP route can have;")]
    [InlineData(""" "Hosts": [ "*:15432" ], "Methods": [ "GET" ] """, "Match:Methods is 'GET', which")]
    [InlineData(""" "Hosts": [ "*:15432" ], "Headers": [ { "Name": "h", "Values": [ "v" ] } ] """, "Match:Headers is 'h', which")]
    [InlineData(""" "Hosts": [ "*:15432" ], "QueryParameters": [ { "Name": "q", "Values": [ "v" ] } ] """, "Match:QueryParameters is 'q', which")]
    [InlineData(""" "Hosts": [ "*" ] """, "Match:Hosts has '*', which names no port; accepted is '*:PORT'")]
    [InlineData(""" "Hosts": [ "*:0" ] """, "Match:Hosts has '*:0', whose port is out of range;")]
    [InlineData(""" "Hosts": [ "*:65536" ] """, "Match:Hosts has '*:65536', whose port is out of range;")]
    [InlineData(""" "Hosts": [ "mail..com:443" ] """, "Match:Hosts has 'mail..com:443', whose host part is no DNS name; accepted is '*:PORT', 'NAME:PORT' or '*.NAME:PORT'")]
    [InlineData(""" "Hosts": [ "10.0.0.1:443" ] """, "Match:Hosts has '10.0.0.1:443', whose host part is an address,")]
    [InlineData(""" "Hosts": [ "a.example:443", "A.Example.:443" ] """, "Match:Hosts has 'A.Example.:443' twice; accepted is each name once on a port.")]
    [InlineData(""" "Hosts": [ "*:15432", "*:15432" ] """, "Match:Hosts has '*:15432' twice;")]
    [InlineData(""" "Path": "/x" """, "Match:Hosts is empty; accepted is '*:PORT'")]
    public void Wrong_matches_stop_the_start_with_a_message(string match, string message) =>
        AssertRefused($$""" "ClusterId": "db", "Mode": "Copy", "Match": { {{match}} } """, message);

    [Theory]
    [InlineData("sticky", "Route 'r': SessionAffinity of cluster 'sticky' is enabled, which only an HTTP route can use;")]
    [InlineData("web", "Route 'r': Address of destination 'a' of cluster 'web' is 'ftp://10.0.0.1:21'; accepted are tcp://HOST:PORT, HOST:PORT, [IPV6]:PORT, unix:/PATH")]
    [InlineData("limited", "Route 'r': Metadata:Splice.MaxConnections of destination 'a' of cluster 'limited' is '0'; accepted is a number from 1 on.")]
    [InlineData("none", "Route 'r': ClusterId is 'none', which is no cluster;")]
    public void Wrong_clusters_stop_the_start_with_a_message(string cluster, string message) =>
        AssertRefused($$""" "ClusterId": "{{cluster}}", "Mode": "Copy", "Match": { "Hosts": [ "*:15432" ] } """, message);

    [Fact]
    public void All_mistakes_of_a_route_are_reported_at_once()
    {
        var refused = AssertRefused(
            """ "ClusterId": "db", "Mode": "Fast", "Match": { "Hosts": [ "*" ] }, "Splice": { "Idle": "1", "ConnectAttempts": 0 } """, "Mode is 'Fast'");
        Assert.Equal(4, refused.Mistakes.Count);
        Assert.All(refused.Mistakes, static mistake => Assert.DoesNotContain('\n', mistake));
    }

    [Theory]
    [InlineData("""  """, """  """)]
    [InlineData("""  """, """ , "Splice": { "Listen": "127.0.0.1" } """)]
    [InlineData(""" , "Splice": { "Listen": "127.0.0.1" } """, """ , "Splice": { "Listen": "127.0.0.1" } """)]
    public void Two_routes_on_one_port_stop_the_start_naming_both(string first, string second)
    {
        var json = $$"""
            { "Routes": { "one": { "ClusterId": "db", "Mode": "Copy", "Match": { "Hosts": [ "*:15432" ] } {{first}} },
                          "two": { "ClusterId": "db", "Match": { "Hosts": [ "*:15432" ] }, "Metadata": { "Splice.Mode": "Copy" } {{second}} } }, {{Clusters}} }
            """;
        var mistakes = Refused(json);
        Assert.Contains(mistakes, static mistake => mistake.StartsWith("Route 'one': Match:Hosts takes port", StringComparison.Ordinal) &&
            mistake.Contains("but route 'two' takes", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a.example", "A.example.", "127.0.0.1", "127.0.0.1", false)]
    [InlineData("*.a.example", "*.a.example", "127.0.0.1", "127.0.0.1", false)]
    [InlineData("a.example", "b.example", "127.0.0.1", "0.0.0.0", false)]
    [InlineData("a.example", "a.example", "127.0.0.1", "127.0.0.2", true)]
    [InlineData("a.example", "*", "127.0.0.1", "127.0.0.1", true)]
    [InlineData("a.example", "*.a.example", "127.0.0.1", "127.0.0.1", true)]
    public async Task Names_share_a_port_if_they_differ_and_the_address_does_not(
        string first, string second, string firstListen, string secondListen, bool isAccepted)
    {
        var json = $$"""
            { "Routes": { "one": { "ClusterId": "db", "Mode": "Copy", "Match": { "Hosts": [ "{{first}}:15432" ] }, "Splice": { "Listen": "{{firstListen}}" } },
                          "two": { "ClusterId": "db", "Mode": "Copy", "Match": { "Hosts": [ "{{second}}:15432" ] }, "Splice": { "Listen": "{{secondListen}}" } } },
              {{Clusters}} }
            """;
        if (isAccepted)
        {
            var gateway = TestGateway.Create(json);
            await using var app = gateway.App;
            Assert.Equal(2, app.Services.GetRequiredService<TcpRoutes>().Current.Routes.Count);
        }
        else
        {
            Assert.Contains(Refused(json), static mistake => mistake.StartsWith("Route 'one': Match:Hosts takes '", StringComparison.Ordinal) &&
                mistake.Contains("but route 'two' takes '", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Two_routes_on_one_port_of_different_addresses_are_accepted()
    {
        var gateway = TestGateway.Create($$"""
            { "Routes": { "one": { "ClusterId": "db", "Mode": "Copy", "Match": { "Hosts": [ "*:15432" ] }, "Splice": { "Listen": "127.0.0.1" } },
                          "two": { "ClusterId": "db", "Mode": "Copy", "Match": { "Hosts": [ "*:15432" ] }, "Splice": { "Listen": "127.0.0.2" } } }, {{Clusters}} }
            """);
        await using var app = gateway.App;
        var table = app.Services.GetRequiredService<TcpRoutes>().Current;
        Assert.Equal("two", table.Find(new System.Net.IPEndPoint(System.Net.IPAddress.Parse("::ffff:127.0.0.2"), 15432))!.Find(null)!.RouteId);
        Assert.Null(table.Find(new System.Net.IPEndPoint(System.Net.IPAddress.Parse("127.0.0.3"), 15432)));
    }

    private static string Route(string keys) => $$"""{ "Routes": { "r": { {{keys}} } }, {{Clusters}} }""";

    private static SpliceConfigurationException AssertRefused(string keys, string message)
    {
        var mistakes = Refused(Route(keys));
        Assert.Contains(mistakes, mistake => mistake.Contains(message, StringComparison.Ordinal));
        return new SpliceConfigurationException(mistakes);
    }

    private static List<string> Refused(string json)
    {
        var exception = Assert.Throws<InvalidOperationException>(() => TestGateway.Create(json));
        return [.. Flatten(exception).OfType<SpliceConfigurationException>().SelectMany(static found => found.Mistakes)];
    }

    private static IEnumerable<Exception> Flatten(Exception? exception) => exception switch
    {
        null => [],
        AggregateException several => several.InnerExceptions.SelectMany(Flatten),
        _ => Flatten(exception.InnerException).Prepend(exception),
    };
}
