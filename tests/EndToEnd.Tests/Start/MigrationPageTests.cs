using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Start;

/// <summary>docs/migrating.md shows configurations of other proxies: those take them. (Ours are loaded by the tests of all pages.)</summary>
public sealed class MigrationPageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("gateway-migration");

    public void Dispose() => _folder.Dispose();

    [RequiresProgramFact("haproxy")]
    public async Task HAProxy_takes_its_configuration()
    {
        var file = Write("haproxy.cfg", await BlockAsync("haproxy"));

        await AssertSucceedsAsync("haproxy", "-c", "-f", file);
    }

    [RequiresProgramFact("nginx", "ngx_stream_module.so")]
    public async Task Nginx_takes_its_configuration()
    {
        using var certificate = new CertificateFiles("site.example");
        var page = (await BlockAsync("nginx"))
            .Replace("/etc/gateway/site.pem", certificate.Certificate, StringComparison.Ordinal)
            .Replace("/etc/gateway/site.key", certificate.Key, StringComparison.Ordinal);
        var file = Write("nginx.conf", $$"""
            load_module {{Programs.Require("ngx_stream_module.so")}};
            pid {{_folder.FullName}}/pid;
            events {}
            {{page}}
            """);

        await AssertSucceedsAsync("nginx", "-t", "-p", _folder.FullName, "-e", _folder["error.log"], "-c", file);
    }

    private static async Task<string> BlockAsync(string language) =>
        new MarkdownPage(await File.ReadAllTextAsync(Path.Combine(Gateway.RepositoryRoot, "docs/migrating.md")))
            .Blocks.Single(block => block.Language == language).Text + '\n';

    private static async Task AssertSucceedsAsync(string program, params string[] arguments)
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync(Programs.Require(program), arguments);
        Assert.True(exitCode == 0, output + error);
    }

    private string Write(string name, string text)
    {
        var file = _folder[name];
        File.WriteAllText(file, text);
        return file;
    }
}
