using System.Globalization;
using Bench.Driver.Processes;

namespace Bench.Driver.Contestants;

/// <summary>A PostgreSQL server with a database of its own in the temporary folder.</summary>
internal static class PostgresServer
{
    public static async Task<ServerProcess> StartAsync(Bench bench)
    {
        var programs = FindPrograms();
        var port = bench.Ports.Take();
        var folder = Path.Combine(bench.Paths.Temporary, $"postgres-{port}");
        Directory.CreateDirectory(folder);
        var data = Path.Combine(folder, "data");
        string[] prefix = [];
        if (Environment.IsPrivilegedProcess)
        {
            // PostgreSQL refuses to run as root.
            await Tool.RunAsync("chown", ["postgres", folder]);
            prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"];
        }

        await RunAsync([.. prefix, Path.Combine(programs, "initdb"), "-D", data, "-U", "bench", "-A", "trust", "--no-sync"]);
        string[] command =
        [
            .. prefix, Path.Combine(programs, "postgres"), "-D", data, "-p", port.ToString(CultureInfo.InvariantCulture), "-k", folder,
            "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=50",
        ];
        var server = await ServerProcess.StartAsync(bench, new ServerCommand("postgres", port, command[0], command[1..]));
        try
        {
            await Tool.RunAsync("createdb", ["-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-U", "bench", "bench"]);
            await Tool.RunAsync("pgbench", ["-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-U", "bench", "-i", "-q", "-s", bench.Pick("1", "10"), "bench"]);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private static Task<string> RunAsync(string[] command) => Tool.RunAsync(command[0], command[1..]);

    private static string FindPrograms()
    {
        const string Debian = "/usr/lib/postgresql";
        if (Directory.Exists(Debian) && Directory.EnumerateDirectories(Debian).Order(StringComparer.Ordinal).LastOrDefault() is { } version)
        {
            return Path.Combine(version, "bin");
        }

        return Tool.Find("initdb") is { } initdb ? Path.GetDirectoryName(initdb)! : throw new BenchException("PostgreSQL's initdb was not found.");
    }
}
