using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>The load generators of Redis and PostgreSQL against the real servers, through a TCP route.</summary>
public sealed class RealServerTests(RedisServer redis, PostgreSqlServer postgreSql) : IClassFixture<RedisServer>, IClassFixture<PostgreSqlServer>
{
    [RequiresProgramTheory("redis-server", "redis-benchmark")]
    [InlineData("Copy", 1)]
    [InlineData("Copy", 16)]
    [InlineData("Splice", 1)]
    [InlineData("Splice", 16)]
    [InlineData("Sockmap", 1)]
    [InlineData("Auto", 16)]
    public async Task Redis_benchmark_runs_without_an_error(string mode, int pipelining)
    {
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, port, redis.Port));

        var (exitCode, output, error) = await RunningProgram.RunAsync(Programs.Require("redis-benchmark"), "-h", "127.0.0.1", "-p", $"{port}",
            "-t", "set,get,lpush,lrange_100", "-n", "10000", "-c", "20", "-P", $"{pipelining}", "--csv");

        Assert.True(exitCode == 0, output + error + gateway.Program.Everything);
        Assert.DoesNotContain("error", output + error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("\"SET\"", output, StringComparison.Ordinal);
        Assert.Contains("\"GET\"", output, StringComparison.Ordinal);
        Assert.Contains("LRANGE_100", output, StringComparison.Ordinal);
    }

    [RequiresProgramTheory("initdb", "postgres", "pg_isready", "pgbench")]
    [InlineData("Copy")]
    [InlineData("Splice")]
    public async Task Pgbench_initialises_and_runs_without_an_error(string mode)
    {
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, port, postgreSql.Port));

        var (exitCode, output, error) = await RunPgbenchAsync(port, "-i", "-s", "1", "-q");
        Assert.True(exitCode == 0, output + error + gateway.Program.Everything);

        (exitCode, output, error) = await RunPgbenchAsync(port, "-c", "8", "-j", "2", "-T", "5");
        Assert.True(exitCode == 0, output + error + gateway.Program.Everything);
        Assert.Contains("number of failed transactions: 0 ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("aborted", output + error, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("number of transactions actually processed: 0", output, StringComparison.Ordinal);
    }

    private static Task<(int ExitCode, string Output, string Error)> RunPgbenchAsync(int port, params string[] arguments) =>
        RunningProgram.RunAsync(Programs.Require("pgbench"), ["-h", "127.0.0.1", "-p", $"{port}", "-U", "postgres", .. arguments, "dbname=postgres sslmode=disable"]);
}
