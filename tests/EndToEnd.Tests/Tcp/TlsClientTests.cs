using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>The TLS clients that people use, through routes with server names, and through a whole port where TLS does not come first.</summary>
public sealed class TlsClientTests(PostgreSqlServer postgreSql) : IClassFixture<PostgreSqlServer>
{
    [RequiresProgramFact("chromium")]
    public async Task Chromium_shows_a_site_that_is_passed_through_and_one_that_is_not_on_the_same_port()
    {
        using var certificate = new CertificateFiles("site.example");
        await using var upstream = await HttpUpstream.StartAsync();
        await using var passed = await HttpUpstream.StartAsync(certificate);
        var port = FreePort.Next();
        var endpoint = GatewayConfiguration.Endpoint($"https://127.0.0.1:{port}");
        endpoint["Certificate"] = certificate.ForEndpoint();
        var configuration = GatewayConfiguration.Http(upstream.Address, new JsonObject { ["Https"] = endpoint });
        Add(configuration, "pass", "Splice", $"pass.example:{port}", new Uri(passed.Address).Port);
        await using var gateway = await Gateway.StartAsync(configuration);

        // Only the gateway's HTTP pipeline tells the client's address.
        Assert.Contains("client 127.0.0.1", await ChromiumAsync($"https://site.example:{port}/client"), StringComparison.Ordinal);
        Assert.Contains("client of pass.example", await ChromiumAsync($"https://pass.example:{port}/client"), StringComparison.Ordinal);
    }

    [RequiresProgramTheory("redis-server", "redis-cli")]
    [InlineData("Copy")]
    [InlineData("Splice")]
    [InlineData("Auto")]
    public async Task Redis_cli_talks_TLS_to_the_server_of_its_name(string mode)
    {
        using var certificate = new CertificateFiles("redis.example");
        var (port, redisPort) = (FreePort.Next(), FreePort.Next());
        await using var redis = RunningProgram.Start(Programs.Require("redis-server"),
            ["--port", "0", "--tls-port", $"{redisPort}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--tls-auth-clients", "no",
                "--tls-cert-file", certificate.Certificate, "--tls-key-file", certificate.Key, "--tls-ca-cert-file", certificate.Certificate]);
        await Deadline.UntilListeningAsync(redisPort, () => redis.Everything);
        var configuration = Empty();
        Add(configuration, "redis", mode, $"redis.example:{port}", redisPort);
        await using var gateway = await Gateway.StartAsync(configuration);

        var (exitCode, output, error) = await RunningProgram.RunAsync(Programs.Require("redis-cli"), "-h", "127.0.0.1", "-p", $"{port}",
            "--tls", "--cacert", certificate.Certificate, "--sni", "redis.example", "SET", "key", mode);
        Assert.True(exitCode == 0 && output.Trim() == "OK", output + error + gateway.Program.Everything);
        (_, output, error) = await RunningProgram.RunAsync(Programs.Require("redis-cli"), "-h", "127.0.0.1", "-p", $"{port}",
            "--tls", "--cacert", certificate.Certificate, "--sni", "other.example", "GET", "key");
        Assert.DoesNotContain(mode, output, StringComparison.Ordinal);
    }

    [RequiresProgramTheory("initdb", "postgres", "pg_isready", "psql")]
    [InlineData("Copy")]
    [InlineData("Auto")]
    public async Task Psql_turns_to_TLS_on_a_port_without_names(string mode)
    {
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, port, postgreSql.Port));
        var (exitCode, output, error) = await RunningProgram.RunAsync(
            Programs.Require("psql"), $"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=require", "-tA", "-c",
            "select ssl from pg_stat_ssl where pid = pg_backend_pid()");
        Assert.True(exitCode == 0, output + error + gateway.Program.Everything);
        Assert.Equal("t", output.Trim());
    }

    private static JsonObject Empty() => new()
    {
        ["ReverseProxy"] = new JsonObject { ["Routes"] = new JsonObject(), ["Clusters"] = new JsonObject() },
    };

    private static void Add(JsonObject configuration, string id, string mode, string host, int upstreamPort)
    {
        configuration["ReverseProxy"]!["Routes"]![id] = new JsonObject
        {
            ["ClusterId"] = id,
            ["Mode"] = mode,
            ["Match"] = new JsonObject { ["Hosts"] = new JsonArray(host) },
        };
        configuration["ReverseProxy"]!["Clusters"]![id] = GatewayConfiguration.Cluster($"127.0.0.1:{upstreamPort}");
    }

    private static async Task<string> ChromiumAsync(string address)
    {
        using var profile = new TemporaryFolder("gateway-chromium");
        var (exitCode, output, error) = await RunningProgram.RunAsync(Programs.Require("chromium"),
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
            "--ignore-certificate-errors", "--host-resolver-rules=MAP * 127.0.0.1", $"--user-data-dir={profile.FullName}", "--dump-dom", address);
        Assert.True(exitCode == 0, output + error);
        return output;
    }
}
