using System.Text.Json;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Commands;

/// <summary>The commands that read a configuration without starting.</summary>
public sealed class CheckTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("gateway-check");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_file_with_six_mistakes_gets_a_line_for_each()
    {
        var file = Write("""
            {
              "ShutdownTimeout": "soon",
              "LinuxTransport": { "Backlog": 0 },
              "AccessLog": { "Format": "Xml" },
              "ReverseProxy": {
                "Routes": {
                  "site": { "ClusterId": "web", "Order": "first", "Match": { "Path": "/" } },
                  "db": { "ClusterId": "db", "Mode": "Copy", "Match": { "Hosts": [ "*:5432" ] }, "Splice": { "ConnectAttempts": 0 } } },
                "Clusters": {
                  "web": { "LoadBalancingPolicy": "Nearest" },
                  "db": { "Destinations": { "a": { "Address": "tcp://127.0.0.1:1" } } } } }
            }
            """);

        await using var check = Gateway.Run("check", "--config", file);

        Assert.Equal(2, await check.WaitForExitAsync());
        var lines = check.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(6, lines.Length);
        foreach (var expected in new[]
        {
            $"{file}:2: ShutdownTimeout is 'soon'", $"{file}:3: LinuxTransport:Backlog is 0", $"{file}:4: AccessLog:Format is 'Xml'",
            $"{file}:7: ReverseProxy:Routes:site:Order is 'first'", $"{file}:8: ReverseProxy:Routes:db:Splice:ConnectAttempts: ",
            $"{file}:10: ReverseProxy:Clusters:web:LoadBalancingPolicy: ",
        })
        {
            Assert.Contains(lines, line => line.StartsWith(expected, StringComparison.Ordinal));
        }

        Assert.All(lines, static line => Assert.Contains("accepted", line, StringComparison.Ordinal));
        Assert.Equal($"{file}: 6 mistakes, no warnings.\n", check.Output);
    }

    [Fact]
    public async Task The_file_that_is_deployed_is_clean()
    {
        await using var check = Gateway.Run("check", "--config", Path.Combine(Gateway.RepositoryRoot, "deploy/gateway.json"));

        Assert.Equal(0, await check.WaitForExitAsync());
        Assert.Empty(check.Error);
        Assert.EndsWith("deploy/gateway.json: no mistakes, no warnings.\n", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_settings_that_come_with_the_program_are_clean()
    {
        await using var check = Gateway.Run("check");

        Assert.Equal(0, await check.WaitForExitAsync());
        Assert.Empty(check.Error);
        Assert.Equal("configuration: no mistakes, no warnings; no route is configured, so the demonstration would run.\n", check.Output);
    }

    [Fact]
    public async Task Ports_that_others_use_do_not_matter_because_none_is_opened()
    {
        using var other = new TcpUpstream();
        var file = Write(GatewayConfiguration.Tcp("Sockmap", other.Port, other.Port).ToJsonString());

        await using var check = Gateway.Run("check", "--config", file, "--urls", $"http://127.0.0.1:{other.Port}");

        Assert.Equal(0, await check.WaitForExitAsync());
        Assert.Empty(check.Error);
    }

    [RequiresProgramFact("setpriv", "chmod")]
    public async Task A_file_without_permission_is_named()
    {
        var file = Write("{}");
        await RunningProgram.RunAsync(Programs.Require("chmod"), "755", _folder.FullName);
        await RunningProgram.RunAsync(Programs.Require("chmod"), "000", file);

        await using var check = Gateway.RunAsOther("check", "--config", file);

        Assert.Equal(2, await check.WaitForExitAsync());
        Assert.StartsWith($"--config {file}: no permission to read the file", check.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Routes_are_printed_as_a_table_and_as_JSON()
    {
        var file = Path.Combine(Gateway.RepositoryRoot, "deploy/gateway.json");
        await using var table = Gateway.Run("routes", "--config", file);
        await using var json = Gateway.Run("routes", "--config", file, "--json");

        Assert.Equal(0, await table.WaitForExitAsync());
        Assert.Matches(@"cache +Sockmap +\*:6379 +\* +cache +a: tcp://cache:6379\n", table.Output);
        Assert.Matches(@"site +HTTP +http://0\.0\.0\.0:8080 +\* \{\*\*catch-all\} +web +a: http://web:80\n", table.Output);
        Assert.Equal(0, await json.WaitForExitAsync());
        using var document = JsonDocument.Parse(json.Output);
        Assert.Equal(2, document.RootElement.GetProperty("routes").GetArrayLength());
    }

    [Fact]
    public async Task Routes_of_a_wrong_file_are_its_mistakes()
    {
        await using var routes = Gateway.Run("routes", "--config", Write("{}"));

        Assert.Equal(2, await routes.WaitForExitAsync());
        Assert.StartsWith("ReverseProxy:Routes: there is no route; accepted is at least one. ", routes.Error, StringComparison.Ordinal);
        Assert.Empty(routes.Output);
    }

    private string Write(string configuration)
    {
        var file = _folder["gateway.json"];
        File.WriteAllText(file, configuration);
        return file;
    }
}
