using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Start;

/// <summary>Bad input gets lines that name the thing, the value and what would be accepted, and an exit code; never a stack trace.</summary>
public sealed class BadInputTests : IDisposable
{
    private const string HttpRoute = """ "ReverseProxy": { "Routes": { "a": { "ClusterId": "c", "Match": { "Path": "/{**rest}" } } } } """;

    private readonly TemporaryFolder _folder = new("gateway-bad");

    public static TheoryData<string, string[]> WrongConfigurations => new()
    {
        { "{\n  \"ReverseProxy\": {\n    \"Routes\" }\n}", ["line 3, position", "accepted is a JSON object"] },
        { "{}", ["ReverseProxy:Routes: there is no route"] },
        { $$"""{ "LinuxTransport": { "Backlog": 0 }, {{HttpRoute}} }""", ["LinuxTransport:Backlog is 0", "accepted is"] },
        { $$"""{ "LinuxTransport": { "Backlog": "many" }, {{HttpRoute}} }""", ["LinuxTransport:Backlog is 'many'", "accepted is a whole number"] },
        { $$"""{ "LinuxTransport": { "Baklog": 5 }, {{HttpRoute}} }""", ["'Baklog'", "accepted are ThreadCount, ", ", Backlog, "] },
        { $$"""{ "ShutdownTimeout": "soon", {{HttpRoute}} }""", ["ShutdownTimeout is 'soon'", "00:00:30"] },
        { """{ "ReverseProxy": { "Routes": { "a": { "ClusterId": "c", "Order": "x", "Match": { "Path": "/" } } } } }""",
            ["ReverseProxy:Routes:a:Order is 'x'"] },
        { $$"""{ "AccessLog": { "Format": "Xml" }, {{HttpRoute}} }""", ["AccessLog:Format is 'Xml'", "Text and Json"] },
        { $$"""{ "AccessLog": { "File": "x" }, {{HttpRoute}} }""", ["AccessLog:File", "accepted are Format, Path"] },
        { $$"""{ "AccessLog": "on", {{HttpRoute}} }""", ["AccessLog is 'on'", "AccessLog:Path=-"] },
        { """{ "StaticFiles": { } }""", ["ReverseProxy:Routes: there is no route"] },
        { """{ "StaticFiles": "/srv" }""", ["StaticFiles is '/srv'", "StaticFiles:Root=/srv/www"] },
        { """{ "StaticFiles": { "RequestPath": "/" } }""", ["StaticFiles:Root is missing", "a folder that exists"] },
        { """{ "StaticFiles": { "Root": "/nowhere/at/all" } }""", ["StaticFiles:Root is '/nowhere/at/all'", "a folder that exists"] },
        { """{ "StaticFiles": { "Root": "/", "RequestPath": "assets" } }""", ["StaticFiles:RequestPath is 'assets'", "/assets"] },
        { """{ "StaticFiles": { "Root": "/", "DefaultFile": "a/b" } }""", ["StaticFiles:DefaultFile is 'a/b'", "without a folder"] },
        { """{ "StaticFiles": { "Root": "/", "SendFile": "yes" } }""", ["StaticFiles:SendFile is 'yes'", "true and false"] },
        { """{ "StaticFiles": { "Root": "/", "MaxOpenFiles": -1 } }""", ["StaticFiles:MaxOpenFiles is '-1'", "from 0 to 1000000"] },
        { """{ "StaticFiles": { "Root": "/", "OpenFileValidity": "5" } }""", ["StaticFiles:OpenFileValidity is '5'", "from 00:00:00 to 01:00:00"] },
        { """{ "StaticFiles": { "Root": "/", "OpenFiles": 5 } }""", ["StaticFiles:OpenFiles: unknown key", "accepted are Root, RequestPath"] },
        { TcpRoute("""  "Mode": "Teleport" """), ["tcp", "Teleport", "Copy", "Splice", "Sockmap", "Auto"] },
        { TcpRoute("""  "Mode": "Splice", "Splice": { "IdleTimout": "00:01:00" } """), ["tcp", "IdleTimout", "IdleTimeout"] },
        { TcpRoute("""  "Mode": "Splice", "Splice": { "ConnectAttempts": 0 } """), ["tcp", "ConnectAttempts", "0"] },
        { TcpRoute("""  "Mode": "Splice", "Splice": { "ConnectTimeout": "02:00:00" } """), ["tcp", "ConnectTimeout", "02:00:00"] },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(WrongConfigurations))]
    public async Task A_wrong_configuration_is_refused_with_exit_code_2(string configuration, string[] expected)
    {
        await AssertRefusedAsync(Gateway.Run("--config", Write(configuration)), exitCode: 2, lineCount: 1, expected);
    }

    [Fact]
    public async Task Each_mistake_has_a_line()
    {
        var file = Write("""
            { "ReverseProxy": { "Routes": { "a": { "ClusterId": "c", "Match": {} }, "b": { "ClusterId": "c", "Match": { "Path": "/{" } } },
                                "Clusters": { "c": { "LoadBalancingPolicy": "Nearest" } } } }
            """);

        await AssertRefusedAsync(Gateway.Run("--config", file), exitCode: 2, lineCount: 3, "Route 'a'", "'/{'", "'Nearest'");
    }

    [Fact]
    public async Task Each_wrong_setting_has_a_line()
    {
        await AssertRefusedAsync(Gateway.Run("--Admin:Port=1", "--ShutdownDelay=5", "--Demo:HttpPort=http"), exitCode: 2, lineCount: 3,
            "Admin:Port: unknown key", "ShutdownDelay is '5'", "Demo:HttpPort is 'http'");
    }

    [Fact]
    public async Task An_admin_endpoint_for_other_machines_needs_a_token()
    {
        await AssertRefusedAsync(Gateway.Run("--config", Write($"{{ {HttpRoute} }}"), "--Admin:Url=http://0.0.0.0:9901"), exitCode: 2, lineCount: 1,
            "Admin:Url is 'http://0.0.0.0:9901', which other machines can reach: Admin:Token must be set; accepted are 16 to 256 visible ASCII characters");
    }

    [Theory]
    [InlineData("--colour=blue", "--colour: unknown option; accepted are --config FILE")]
    [InlineData("--config", "--config: the value is missing")]
    [InlineData("--config=/nowhere/gateway.json", "/nowhere/gateway.json: there is no such file")]
    [InlineData("--Admin:Url=https://127.0.0.1:9901", "Admin:Url is 'https://127.0.0.1:9901'; accepted are http://ADDRESS:PORT, such as http://127.0.0.1:9901, and off")]
    [InlineData("--Admin:Token=short", "accepted are 16 to 256 visible ASCII characters")]
    [InlineData("--Admin:Port=1", "Admin:Port: unknown key; accepted are Url, Token")]
    [InlineData("--Telemetry:Otlp:Endpoint=collector", "Telemetry:Otlp:Endpoint is 'collector'; accepted is a URL such as http://127.0.0.1:4317")]
    [InlineData("--Demo:HttpPort=http", "Demo:HttpPort is 'http'; accepted is a port from 1 to 65535")]
    [InlineData("--Demo:Port=1", "Demo:Port: unknown key; accepted are HttpPort, TcpPort")]
    public async Task A_wrong_command_line_is_refused_with_exit_code_2(string argument, string expected)
    {
        await AssertRefusedAsync(Gateway.Run(argument), exitCode: 2, lineCount: 1, expected);
    }

    [Fact]
    public async Task A_port_in_use_is_named_with_exit_code_1()
    {
        using var other = new TcpUpstream();

        await AssertRefusedAsync(Gateway.Run("--config", Write($"{{ {HttpRoute} }}"), "--urls", $"http://127.0.0.1:{other.Port}"),
            exitCode: 1, lineCount: 1, $"127.0.0.1:{other.Port}", "in use", "--urls");
    }

    [Theory]
    [InlineData("HttpPort")]
    [InlineData("TcpPort")]
    public async Task A_port_in_use_in_the_demonstration_is_named_with_the_option_that_moves_it(string option)
    {
        using var other = new TcpUpstream();
        var (httpPort, tcpPort) = option == "HttpPort" ? (other.Port, FreePort.Next()) : (FreePort.Next(), other.Port);

        await AssertRefusedAsync(Gateway.Run($"--Demo:HttpPort={httpPort}", $"--Demo:TcpPort={tcpPort}"),
            exitCode: 1, lineCount: 1, $"127.0.0.1:{other.Port}", "in use", $"--Demo:{option}=PORT");
    }

    [Fact]
    public async Task A_port_in_use_by_a_tcp_route_is_named_with_exit_code_1()
    {
        using var other = new TcpUpstream();
        var file = Write(GatewayConfiguration.Tcp("Copy", other.Port, FreePort.Next()).ToJsonString());

        await AssertRefusedAsync(Gateway.Run("--config", file), exitCode: 1, lineCount: 1, $"127.0.0.1:{other.Port}", "in use");
    }

    [RequiresProgramFact("setpriv")]
    public async Task A_privileged_port_without_permission_is_named_with_exit_code_1()
    {
        var file = Write($"{{ {HttpRoute} }}");

        await AssertRefusedAsync(Gateway.RunWithoutPrivilegedPorts("--config", file, "--urls", "http://127.0.0.1:81"),
            exitCode: 1, lineCount: 1, "127.0.0.1:81", "no permission", "CAP_NET_BIND_SERVICE");
    }

    [Theory]
    [InlineData("--help", "Exit codes:")]
    [InlineData("--version", "Demo.Gateway ")]
    public async Task Help_and_version_are_printed_with_exit_code_0(string argument, string expected)
    {
        await using var gateway = Gateway.Run(argument);

        Assert.Equal(0, await gateway.WaitForExitAsync());
        Assert.Contains(expected, gateway.Output, StringComparison.Ordinal);
        Assert.Empty(gateway.Error);
    }

    private static string TcpRoute(string keys) => $$"""
        { "ReverseProxy": { "Routes": { "tcp": { "ClusterId": "c", "Match": { "Hosts": [ "*:{{FreePort.Next()}}" ] }, {{keys}} } },
                            "Clusters": { "c": { "Destinations": { "a": { "Address": "tcp://127.0.0.1:1" } } } } } }
        """;

    private static async Task AssertRefusedAsync(RunningProgram gateway, int exitCode, int lineCount, params string[] expected)
    {
        await using (gateway)
        {
            var actual = await gateway.WaitForExitAsync();
            Assert.True(exitCode == actual, $"exit code {actual}\n{gateway.Everything}");
            foreach (var text in expected)
            {
                Assert.Contains(text, gateway.Error, StringComparison.Ordinal);
            }

            Assert.Equal(lineCount, gateway.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
            Assert.DoesNotContain("   at ", gateway.Output + gateway.Error, StringComparison.Ordinal);
        }
    }

    private string Write(string configuration)
    {
        var file = _folder["gateway.json"];
        File.WriteAllText(file, configuration);
        return file;
    }
}
