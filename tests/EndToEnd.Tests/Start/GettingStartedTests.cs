using System.Globalization;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Start;

/// <summary>What docs/getting-started.md has a newcomer type, typed: its commands, its configuration, its answers. Only the ports are others.</summary>
public sealed class GettingStartedTests : IDisposable
{
    private const string Section = "2. Pass TLS through by server name";

    private readonly TemporaryFolder _folder = new("gateway-newcomer");

    public void Dispose() => _folder.Dispose();

    [RequiresProgramFact("openssl", "curl", "sh")]
    public async Task The_passthrough_by_server_name_works_as_written()
    {
        var ports = new[] { 8443, 9443, 9444 }.ToDictionary(static port => port, static _ => FreePort.Next());
        var page = new MarkdownPage(await File.ReadAllTextAsync(Path.Combine(Gateway.RepositoryRoot, "docs/getting-started.md")));
        var blocks = page.Blocks.Where(static block => block.Heading == Section).ToLookup(
            static block => block.Language, block => WithPorts(block.Text, ports));
        var (commands, texts) = (blocks["sh"].ToArray(), blocks["text"].ToArray());

        var (exitCode, _, error) = await ShellAsync(commands[0]);
        Assert.True(exitCode == 0, error);
        await using var servers = Shell(commands[1]);
        await Deadline.UntilListeningAsync(ports[9443], () => servers.Everything);
        await Deadline.UntilListeningAsync(ports[9444], () => servers.Everything);
        var configuration = JsonNode.Parse(blocks["json"].Single())!.AsObject();
        await using var gateway = await Gateway.StartAsync(configuration, "--AccessLog:Path=-");
        foreach (var line in texts[0].Split('\n'))
        {
            await gateway.Program.WaitForOutputAsync(line);
        }

        (exitCode, var answers, error) = await ShellAsync(commands[3]);
        Assert.True(exitCode == 0, error + gateway.Program.Everything);
        Assert.Equal(texts[1], answers.TrimEnd('\n'));
        await gateway.Program.WaitForOutputAsync("sni=one.test route=one cluster=one destination=a");

        await gateway.ReplaceConfigurationAsync(configuration.ToJsonString().Replace("one.test:", "*.test:", StringComparison.Ordinal));
        await gateway.Program.WaitForOutputAsync("gateway.json was read again.");
        (exitCode, answers, error) = await ShellAsync(
            $"curl --insecure --resolve three.test:{ports[8443]}:127.0.0.1 https://three.test:{ports[8443]}/who.txt");
        Assert.True(exitCode == 0, error + gateway.Program.Everything);
        Assert.Equal("I am one.", answers.TrimEnd('\n'));

        gateway.ExpectRefusedConfiguration();
        await gateway.ReplaceConfigurationAsync(configuration.ToJsonString().Replace("Auto", "Fast", StringComparison.Ordinal));
        await gateway.Program.WaitForOutputAsync("Mode is 'Fast'; accepted are Copy, Splice, Sockmap, Auto.");
    }

    private static string WithPorts(string text, Dictionary<int, int> ports)
    {
        foreach (var (written, used) in ports)
        {
            text = text.Replace(written.ToString(CultureInfo.InvariantCulture), used.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        }

        return text;
    }

    private RunningProgram Shell(string commands) => RunningProgram.Start(Programs.Require("sh"), ["-c", commands], workingDirectory: _folder.FullName);

    private async Task<(int ExitCode, string Output, string Error)> ShellAsync(string commands)
    {
        await using var shell = Shell(commands);
        var exitCode = await shell.WaitForExitAsync();
        return (exitCode, shell.Output, shell.Error);
    }
}
