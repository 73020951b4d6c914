using Demo.Gateway.Check;
using Demo.Gateway.CommandLine;
using Testing;
using Xunit;

namespace Demo.Gateway.Tests.Check;

public sealed class ConfigurationCheckTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("gateway-check");

    private string File => _folder["gateway.json"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Run_AWorkingFile_FindsNothing()
    {
        var result = Check("""
            {
              "Kestrel": { "Endpoints": { "Http": { "Url": "http://127.0.0.1:8080", "Protocols": "Http1" } } },
              "LinuxTransport": { "Backlog": 100 }, "AccessLog": { "Path": "-" }, "Logging": { "LogLevel": { "Default": "Warning" } },
              "ReverseProxy": {
                "Routes": {
                  "site": { "ClusterId": "web", "Match": { "Path": "{**rest}", "Headers": [ { "Name": "x", "Values": [ "1" ], "Mode": "ExactHeader" } ] },
                            "Transforms": [ { "PathPrefix": "/a" } ], "Metadata": { "any": "thing" } },
                  "db": { "ClusterId": "db", "Mode": "Auto", "Match": { "Hosts": [ "*:5432" ] }, "Splice": { "MaxConnections": 5, "AllowedSources": [ "10.0.0.0/8" ] } }
                },
                "Clusters": {
                  "web": { "LoadBalancingPolicy": "RoundRobin", "HttpRequest": { "ActivityTimeout": "00:00:10" },
                           "HealthCheck": { "Active": { "Enabled": true, "Interval": "00:00:05" } }, "Destinations": { "a": { "Address": "http://127.0.0.1:1", "Metadata": { "x": "y" } } } },
                  "db": { "Destinations": { "a": { "Address": "tcp://127.0.0.1:2" } } }
                }
              }
            }
            """);

        Assert.Empty(Lines(result.Mistakes));
        Assert.Empty(Lines(result.Warnings));
        Assert.Equal(["http://127.0.0.1:8080"], result.HttpUrls);
    }

    [Fact]
    public void Run_MistakesEverywhere_NamesEachWithItsLine()
    {
        var result = Check("""
            {
              "ShutdownTimeout": "soon",
              "Logging": { "LogLevel": { "Default": "Loud" } },
              "LinuxTransport": {
                "Backlog": "many",
                "Baklog": 3,
                "ThreadCount": 0 },
              "Admin": { "Port": 5 },
              "ReverseProxy": {
                "Routes": {
                  "a": { "ClusterId": "web", "Match": { } },
                  "b": { "ClusterId": "web",
                         "Order": "x",
                         "Match": { "Path": "/{" } },
                  "tcp": { "ClusterId": "db", "Mode": "Teleport",
                           "Match": { "Hosts": [ "*:7001",
                                                 "*:99999" ] },
                           "Splice": { "IdleTimout": "00:01:00" } }
                },
                "Clusters": {
                  "web": { "LoadBalancingPolicy": "Nearest" },
                  "db": { "HealthCheck": { "Active": { "Interval": "5 s" } },
                          "Destinations": { "a": { "Address": "tcp://nowhere" } } }
                }
              }
            }
            """);

        AssertLine(result, 2, "ShutdownTimeout is 'soon'; accepted is a duration");
        AssertLine(result, 3, "Logging:LogLevel:Default is 'Loud'; accepted are Trace, ");
        AssertLine(result, 5, "LinuxTransport:Backlog is 'many'; accepted is a whole number.");
        AssertLine(result, 6, "LinuxTransport:Baklog: ", "Did you mean Backlog?");
        AssertLine(result, 7, "LinuxTransport:ThreadCount is 0; accepted is a number from 1 to 1024");
        AssertLine(result, 8, "Admin:Port: unknown key; accepted are Url, Token.");
        AssertLine(result, 11, "ReverseProxy:Routes:a: Route 'a' requires Hosts or Path");
        AssertLine(result, 13, "ReverseProxy:Routes:b:Order is 'x'; accepted is a whole number.");
        AssertLine(result, 14, "ReverseProxy:Routes:b:Match:Path: ", "'/{'");
        AssertLine(result, 15, "ReverseProxy:Routes:tcp:Mode: ", "'Teleport'; accepted are Copy, Splice, Sockmap, Auto.");
        AssertLine(result, 17, "ReverseProxy:Routes:tcp:Match:Hosts:1: ", "'*:99999'");
        AssertLine(result, 18, "ReverseProxy:Routes:tcp:Splice:IdleTimout: ", "Did you mean IdleTimeout?");
        AssertLine(result, 21, "ReverseProxy:Clusters:web:LoadBalancingPolicy: ", "'Nearest'", "accepted are ", "RoundRobin");
        AssertLine(result, 22, "ReverseProxy:Clusters:db:HealthCheck:Active:Interval is '5 s'; accepted is a duration such as 00:00:30.");
        AssertLine(result, 23, "ReverseProxy:Clusters:db:Destinations:a:Address: ", "'tcp://nowhere'");
        Assert.Equal(15, result.Mistakes.Count);
    }

    /// <summary>Leaving a wrong key out, to find the next one, must not look like a mistake of the file.</summary>
    [Fact]
    public void Run_WrongEndpoints_NamesEachMistakeAndNothingThatFollowsFromIt()
    {
        var result = Check($$"""
            {
              "Kestrel": { "Endpoints": {
                "A": { "Url": "htp://nowhere" },
                "B": { "Url": "https://127.0.0.1:1", "Certificate": { "Path": "{{_folder.FullName}}/none.pfx" } },
                "C": { "Protocols": "Http1" } } },
              {{HttpRoute}}
            }
            """);

        AssertLine(result, 3, "Kestrel:Endpoints:A:Url: ", "'htp://nowhere'");
        AssertLine(result, 4, "Kestrel:Endpoints:B:Certificate:Path: ", "none.pfx");
        AssertLine(result, 5, "Kestrel:Endpoints:C: ", "'Url'");
        Assert.Equal(3, result.Mistakes.Count);
    }

    [Fact]
    public void Run_AValueThatStandsAtSeveralKeys_BlamesTheRightOne()
    {
        var result = Check("""
            { "ReverseProxy": {
                "Routes": { "r": { "ClusterId": "x", "Match": { "Path": "/" },
                                   "Order": "x" } },
                "Clusters": { "x": { } } } }
            """);

        Assert.Equal([$"{File}:3: ReverseProxy:Routes:r:Order is 'x'; accepted is a whole number."], Lines(result.Mistakes));
    }

    [Fact]
    public void Run_RoutesThatCompeteForAPort_AreBothNamed()
    {
        var result = Check("""
            { "ReverseProxy": {
                "Routes": { "a": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:5432" ] } },
                            "b": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:5432" ] } } },
                "Clusters": { "c": { "Destinations": { "a": { "Address": "tcp://127.0.0.1:1" } } } } } }
            """);

        AssertLine(result, 2, "ReverseProxy:Routes:a:Match:Hosts", "route 'b'");
        AssertLine(result, 3, "ReverseProxy:Routes:b:Match:Hosts", "route 'a'");
    }

    [Fact]
    public void Run_KeysThatNobodyReads_AreWarnedOfOnce()
    {
        var result = Check($$"""
            {
              "ReverseProxi": { "Routes": { } },
              "Kestrel": { "Limits": { "MaxConcurrentConnections": 3 } },
              "ReverseProxy": {
                "Routes": { "a": { "ClusterId": "c", "Match": { "Path": "/", "Pat": "/" } } },
                "Clusters": { "c": { "Destination": { "a": { "Address": "http://127.0.0.1:1" } },
                                     "HealthCheck": { "Active": { "Intervall": "00:00:01" } } } } }
            }
            """);

        Assert.Empty(Lines(result.Mistakes));
        Assert.Equal(
            [
                $"{File}:2: ReverseProxi: unknown key; nobody reads it. Did you mean ReverseProxy?",
                $"{File}:3: Kestrel:Limits: unknown key; nobody reads it. Known here are Certificates, EndpointDefaults, Endpoints.",
                $"{File}:5: ReverseProxy:Routes:a:Match:Pat: unknown key; nobody reads it. Did you mean Path?",
                $"{File}:6: ReverseProxy:Clusters:c:Destination: unknown key; nobody reads it. Did you mean Destinations?",
                $"{File}:7: ReverseProxy:Clusters:c:HealthCheck:Active:Intervall: unknown key; nobody reads it. Did you mean Interval?",
            ],
            Lines(result.Warnings));
    }

    [Fact]
    public void Run_AMistakeOnTheCommandLine_SaysSo()
    {
        var result = Check($$"""{ {{HttpRoute}} }""", "--ShutdownDelay=5");

        Assert.Equal(["command line: ShutdownDelay is '5'; accepted is a duration from 00:00:00 to 1.00:00:00, such as 00:00:30."], Lines(result.Mistakes));
    }

    [Fact]
    public void Run_BrokenJson_NamesTheLine()
    {
        var result = Check("{\n  \"a\": }");

        Assert.Equal([$"{File}: line 2, position 8: '}}' is an invalid start of a value; accepted is a JSON object."], Lines(result.Mistakes));
    }

    [Fact]
    public void Run_HalfOfASurrogatePair_IsAMistakeOfTheFile()
    {
        var result = Check("""{ "ReverseProxy": { "Routes": { "\ud800": { } } } }""");

        Assert.StartsWith($"{File}: ", Assert.Single(Lines(result.Mistakes)), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_BytesThatAreNoUtf8_StillNamesLines()
    {
        System.IO.File.WriteAllBytes(File, [.. "{ \"a"u8, 0xd4, .. "\": 1,\n \"ShutdownTimeout\": \"soon\","u8, .. System.Text.Encoding.UTF8.GetBytes(HttpRoute), .. "}"u8]);

        var result = ConfigurationCheck.Run(GatewayCommandLine.Parse(["--config", File]));

        AssertLine(result, 2, "ShutdownTimeout is 'soon'; accepted is a duration");
    }

    [Fact]
    public void Run_WithoutTheFile_SaysSo() =>
        Assert.Equal([$"--config {File}: there is no such file; accepted is a JSON file."], Lines(ConfigurationCheck.Run(GatewayCommandLine.Parse(["--config", File])).Mistakes));

    [Fact]
    public void Run_AFolder_SaysSo() => Assert.Equal(
        [$"--config {_folder.FullName}: this is a directory; accepted is a JSON file."],
        Lines(ConfigurationCheck.Run(GatewayCommandLine.Parse(["--config", _folder.FullName])).Mistakes));

    private const string HttpRoute =
        """ "ReverseProxy": { "Routes": { "a": { "ClusterId": "c", "Match": { "Path": "/" } } }, "Clusters": { "c": { } } } """;

    private static string[] Lines(IEnumerable<Mistake> mistakes) => [.. mistakes.Select(static mistake => mistake.ToString())];

    private void AssertLine(CheckResult result, int line, string start, params string[] texts)
    {
        var lines = Lines(result.Mistakes);
        Assert.True(
            lines.Any(text => text.StartsWith($"{File}:{line}: {start}", StringComparison.Ordinal) && texts.All(part => text.Contains(part, StringComparison.Ordinal))),
            $"{line}: {start} {string.Join(' ', texts)}\nis not in\n{string.Join('\n', lines)}");
    }

    private CheckResult Check(string configuration, params string[] arguments)
    {
        System.IO.File.WriteAllText(File, configuration);
        return ConfigurationCheck.Run(GatewayCommandLine.Parse(["--config", File, .. arguments]));
    }
}
