using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Upgrade;

/// <summary>A new instance that does not come to serve: the running one goes on as if nothing had been, and somebody says why.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class FailedUpgradeTests : IAsyncLifetime
{
    private const string Hello = """{"kind":"hello","protocol":1}""";

    private UpgradeSite _site = null!;
    private Gateway _running = null!;

    public async Task InitializeAsync()
    {
        _site = await UpgradeSite.CreateAsync();
        _running = await _site.StartAsync(_site.OneRoute());
    }

    public async Task DisposeAsync()
    {
        await _running.DisposeAsync();
        await _site.DisposeAsync();
    }

    [Fact]
    public async Task A_broken_configuration_ends_the_new_one_before_it_asks()
    {
        var configuration = _site.OneRoute();
        configuration["ReverseProxy"]!["Routes"]!["tcp"]!["Mode"] = "Fast";
        await using var next = Gateway.Run(await _site.ArgumentsAsync(configuration));
        Assert.Equal(2, await next.WaitForExitAsync());
        Assert.Contains("Fast", next.Error, StringComparison.Ordinal);
        await AssertServesAsync();
        await AssertCanBeRelievedAsync();
    }

    [Fact]
    public async Task A_port_that_another_program_has_ends_the_new_one_after_it_got_the_others()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var taken = ((IPEndPoint)other.LocalEndpoint).Port;
        var configuration = _site.OneRoute();
        configuration["ReverseProxy"]!["Routes"]!["taken"] = GatewayConfiguration.TcpRoute("Copy", taken, "tcp");
        await using var next = Gateway.Run(await _site.ArgumentsAsync(configuration));
        Assert.Equal(1, await next.WaitForExitAsync());
        Assert.Contains($"127.0.0.1:{taken}: the address is in use", next.Error, StringComparison.Ordinal);
        Assert.Contains("Takes over from process", next.Output, StringComparison.Ordinal);
        await _running.Program.WaitForOutputAsync($"Process {next.ProcessId} did not take over, this one goes on as before: it ended before it served.");
        await AssertServesAsync();
        await AssertCanBeRelievedAsync();
    }

    [Fact]
    public async Task One_that_dies_before_it_serves_is_noticed_and_keeps_others_away_until_then()
    {
        using (var dying = new NewInstance(_site.Socket))
        {
            dying.Send(Hello);
            Assert.Equal("end", (string)(await dying.ReceiveAsync("end", "refused"))["kind"]!);

            await using var other = Gateway.Run(await _site.ArgumentsAsync(_site.OneRoute()));
            Assert.Equal(1, await other.WaitForExitAsync());
            Assert.Contains("another new instance is taking over already; wait for it, or stop it.", other.Error, StringComparison.Ordinal);
            await AssertServesAsync();
        }

        await _running.Program.WaitForOutputAsync("it ended before it served.");
        await AssertServesAsync();
        await AssertCanBeRelievedAsync();
    }

    [Theory]
    [InlineData("""{"kind":"hello","protocol":99}""", "it speaks version 1 of the upgrade protocol and the new one version 99; stop it, and start the new one then.")]
    [InlineData("""{"kind":"ready"}""", "it was not greeted as the upgrade protocol has it.")]
    public async Task A_greeting_of_another_version_is_refused_with_the_reason(string greeting, string reason)
    {
        using var stranger = new NewInstance(_site.Socket);
        stranger.Send(greeting);
        var answer = await stranger.ReceiveAsync();
        Assert.Equal("refused", (string)answer["kind"]!);
        Assert.Equal(reason, (string)answer["reason"]!);
        await _running.Program.WaitForOutputAsync(reason);
        await AssertServesAsync();
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("""{"protocol":1}""")]
    [InlineData("[]")]
    public async Task Words_that_are_no_message_end_the_conversation(string words)
    {
        using (var stranger = new NewInstance(_site.Socket))
        {
            stranger.Send(words);
            await _running.Program.WaitForOutputAsync("a message is no object of the upgrade protocol");
        }

        await AssertCanBeRelievedAsync();
    }

    [RequiresOtherUserFact]
    public async Task Another_user_is_kept_out_by_the_file_and_by_the_gateway()
    {
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_site.Socket));
        var arguments = await _site.ArgumentsAsync(_site.OneRoute());
        await using (var next = Gateway.RunAsOther(arguments))
        {
            Assert.Equal(1, await next.WaitForExitAsync());
            Assert.Contains($"{_site.Socket}: Permission denied", next.Error, StringComparison.Ordinal);
            Assert.Contains("accepted is the user of the running gateway, or root", next.Error, StringComparison.Ordinal);
        }

        File.SetUnixFileMode(_site.Socket, (UnixFileMode)Convert.ToInt32("666", 8));
        await using (var next = Gateway.RunAsOther(arguments))
        {
            Assert.Equal(1, await next.WaitForExitAsync());
            Assert.Contains("it belongs to user 0, and user 65534 asks; accepted are the same user and root.", next.Error, StringComparison.Ordinal);
        }

        await _running.Program.WaitForOutputAsync("of user 65534 does not get the listeners");
        await AssertServesAsync();
    }

    [Theory]
    [InlineData("--Upgrade:Socket=upgrade.sock", "Upgrade:Socket is 'upgrade.sock'; accepted is the full path of a file of at most 96 bytes")]
    [InlineData("--Upgrade:Socket=/no/such/folder/upgrade.sock", "Upgrade:Socket is '/no/such/folder/upgrade.sock', which cannot be made")]
    [InlineData("--Upgrade:DrainTimeout=30", "Upgrade:DrainTimeout is '30'; accepted is a duration")]
    [InlineData("--Upgrade:Path=/tmp/x", "Upgrade:Path: unknown key; accepted are Socket, DrainTimeout.")]
    public async Task Settings_that_cannot_be_used_are_named(string argument, string expected)
    {
        var arguments = (await _site.ArgumentsAsync(Elsewhere())).Where(given => !given.StartsWith(argument.Split('=')[0] + '=', StringComparison.Ordinal));
        await using var next = Gateway.Run([.. arguments, argument]);
        Assert.NotEqual(0, await next.WaitForExitAsync());
        Assert.Contains(expected, next.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_left_of_an_instance_that_was_killed_is_no_obstacle()
    {
        _running.LeaveUnchecked();
        await _running.DisposeAsync();
        Assert.True(File.Exists(_site.Socket));
        _running = await _site.StartAsync(_site.OneRoute());
        await AssertServesAsync();
        await AssertCanBeRelievedAsync();
    }

    private JsonObject Elsewhere() => GatewayConfiguration.Tcp("Copy", FreePort.Next(), _site.Echo.Port);

    private async Task AssertServesAsync()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var session = await EchoTransfer.OpenAsync(_site.Ports["Splice"], timeout.Token);
        await session.SayAsync();
        await session.FinishAsync();
        Assert.False(_running.Program.HasExited);
    }

    private async Task AssertCanBeRelievedAsync()
    {
        var next = await _site.StartAsync(_site.OneRoute());
        Assert.Equal(0, await _running.Program.WaitForExitAsync());
        await _running.DisposeAsync();
        _running = next;
        await AssertServesAsync();
    }
}
