using System.Text.Json;
using Demo.Gateway.Check;
using Demo.Gateway.CommandLine;
using Testing;
using Xunit;

namespace Demo.Gateway.Tests.Check;

public sealed class EffectiveRoutesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("gateway-routes");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Text_OfTcpAndHttpRoutes_IsATable()
    {
        Assert.Equal(
            """
            ROUTE  MODE    ENDPOINT               NAMES                               CLUSTER  DESTINATIONS            SETTINGS
            mail   Splice  *:8443                 mail.example.com *.mail.example.com  db       a: tcp://127.0.0.1:5432
            pg     Auto    127.0.0.1:5432         *                                   db       a: tcp://127.0.0.1:5432  IdleTimeout=00:10:00
                                                                                                                       MaxConnections=10
            site   HTTP    http://127.0.0.1:8080  www.example.com /{**rest}           web      a: http://127.0.0.1:1   LoadBalancingPolicy=RoundRobin
                                                                                               b: http://127.0.0.1:2   Order=3

            """.Split('\n').Select(Squeeze),
            RoutesText.Write(EffectiveRoutes.Of(Check()), isDemonstration: false).Split('\n').Select(Squeeze));
    }

    [Fact]
    public void Text_HasItsColumnsBelowOneAnother()
    {
        var lines = RoutesText.Write(EffectiveRoutes.Of(Check()), isDemonstration: false).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        var column = lines[0].IndexOf("CLUSTER", StringComparison.Ordinal);
        Assert.Equal("db ", lines[1].Substring(column, 3));
        Assert.Equal("web", lines[4].Substring(column, 3));
    }

    [Fact]
    public void Json_OfRoutes_HasTheDocumentedMembers()
    {
        using var json = JsonDocument.Parse(RoutesJson.Write(EffectiveRoutes.Of(Check())));

        Assert.Equal(1, json.RootElement.GetProperty("schema").GetInt32());
        var routes = json.RootElement.GetProperty("routes").EnumerateArray().ToArray();
        Assert.Equal(["mail", "pg", "site"], routes.Select(static route => route.GetProperty("id").GetString()));
        Assert.All(routes, static route => Assert.Equal(
            ["id", "kind", "mode", "endpoints", "names", "path", "cluster", "loadBalancingPolicy", "destinations", "settings"],
            route.EnumerateObject().Select(static member => member.Name)));
        Assert.Equal("tcp", routes[1].GetProperty("kind").GetString());
        Assert.Equal("10", routes[1].GetProperty("settings").GetProperty("MaxConnections").GetString());
        Assert.Equal("http", routes[2].GetProperty("kind").GetString());
        Assert.Equal("/{**rest}", routes[2].GetProperty("path").GetString());
    }

    private static string Squeeze(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private CheckResult Check()
    {
        var file = _folder["gateway.json"];
        File.WriteAllText(file, """
            { "ReverseProxy": {
                "Routes": {
                  "site": { "ClusterId": "web", "Order": 3, "Match": { "Path": "/{**rest}", "Hosts": [ "www.example.com" ] } },
                  "pg": { "ClusterId": "db", "Mode": "Auto", "Match": { "Hosts": [ "*:5432" ] },
                          "Splice": { "Listen": "127.0.0.1", "MaxConnections": 10, "IdleTimeout": "00:10:00" } },
                  "mail": { "ClusterId": "db", "Mode": "Splice", "Match": { "Hosts": [ "mail.example.com:8443", "*.mail.example.com:8443" ] } } },
                "Clusters": {
                  "web": { "LoadBalancingPolicy": "RoundRobin", "Destinations": { "b": { "Address": "http://127.0.0.1:2" }, "a": { "Address": "http://127.0.0.1:1" } } },
                  "db": { "Destinations": { "a": { "Address": "tcp://127.0.0.1:5432" } } } } } }
            """);
        var result = ConfigurationCheck.Run(GatewayCommandLine.Parse(["--config", file]));
        Assert.Empty(result.Mistakes);
        return result;
    }
}
