using Testing;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>A PostgreSQL server on a free loopback port, with TLS for who asks for it and a data folder of its own. Not started where it is not installed.</summary>
public sealed class PostgreSqlServer : IAsyncLifetime
{
    private const string User = "postgres";

    private RunningProgram? _program;
    private TemporaryFolder? _folder;
    private CertificateFiles? _certificate;

    public int Port { get; } = FreePort.Next();

    public async Task InitializeAsync()
    {
        if (Programs.MissingReason(["initdb", "postgres"]) is not null)
        {
            return;
        }

        _folder = new TemporaryFolder("gateway-pg");
        _certificate = new CertificateFiles("postgresql.example");
        if (Environment.IsPrivilegedProcess)
        {
            // It refuses to run as root; the Debian package brings this account.
            await RunAsync("chown", "-R", User, _folder.FullName, Path.GetDirectoryName(_certificate.Key)!);
        }

        var data = _folder["data"];
        await RunAsUserAsync("initdb", "-D", data, "-U", User, "-A", "trust", "--no-sync", "--locale=C", "--encoding=UTF8");
        _program = StartAsUser("postgres", "-D", data, "-h", "127.0.0.1", "-p", $"{Port}", "-k", _folder.FullName, "-c", "fsync=off",
            "-c", "shared_buffers=32MB", "-c", "ssl=on", "-c", $"ssl_cert_file={_certificate.Certificate}", "-c", $"ssl_key_file={_certificate.Key}");
        await Deadline.UntilAsync(
            async () => (await RunningProgram.RunAsync(Programs.Require("pg_isready"), "-h", "127.0.0.1", "-p", $"{Port}")).ExitCode == 0,
            () => _program.Everything);
    }

    public async Task DisposeAsync()
    {
        if (_program is not null)
        {
            // A fast shutdown also removes its shared memory.
            _program.Interrupt();
            await _program.WaitForExitAsync();
            await _program.DisposeAsync();
        }

        _certificate?.Dispose();
        _folder?.Dispose();
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync(program, arguments);
        Assert.True(exitCode == 0, $"{program}: {output}{error}");
    }

    private static async Task RunAsUserAsync(string program, params string[] arguments)
    {
        await using var running = StartAsUser(program, arguments);
        Assert.True(await running.WaitForExitAsync() == 0, running.Everything);
    }

    private static RunningProgram StartAsUser(string program, params string[] arguments)
    {
        var path = Programs.Require(program);
        return Environment.IsPrivilegedProcess
            ? RunningProgram.Start(Programs.Require("setpriv"), ["--reuid", User, "--regid", User, "--init-groups", path, .. arguments], workingDirectory: "/")
            : RunningProgram.Start(path, arguments, workingDirectory: "/");
    }
}
