using System.Text;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>What mode Sockmap does where the process may not load eBPF programs, or not all kinds of them.</summary>
public sealed class SockmapFallbackTests : IDisposable
{
    private readonly CancellationTokenSource _timeout = new(Deadline.Default);
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
    }

    [RequiresBpfFact]
    public async Task Without_the_capability_sessions_are_spliced_and_the_log_says_why_once()
    {
        await using var gateway = await Gateway.StartWithoutAsync(
            ["bpf", "sys_admin"], GatewayConfiguration.Tcp("Sockmap", _port, _upstream.Port));
        for (var i = 0; i < 3; i++)
        {
            await ExchangeAsync();
        }

        await gateway.StopAsync();
        const string Warning = "mode Sockmap runs as Splice";
        Assert.Equal(2, gateway.Program.Output.Split(Warning).Length);
        Assert.Contains("the process lacks CAP_BPF", gateway.Program.Output, StringComparison.Ordinal);
    }

    [RequiresBpfFact]
    public async Task Without_perfmon_the_kernel_relays_in_credit_form()
    {
        await using var gateway = await Gateway.StartWithoutAsync(
            ["perfmon", "sys_admin"], GatewayConfiguration.Tcp("Sockmap", _port, _upstream.Port));
        await ExchangeAsync();
        await gateway.StopAsync();
        Assert.Contains("Mode Sockmap runs in its Credit form: the process lacks CAP_PERFMON", gateway.Program.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("runs as Splice", gateway.Program.Output, StringComparison.Ordinal);
    }

    private async Task ExchangeAsync()
    {
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var server = await _upstream.AcceptAsync(_timeout.Token);
        for (var i = 0; i < 10; i++)
        {
            await client.SendAsync(Encoding.ASCII.GetBytes($"question {i}"), _timeout.Token);
            var buffer = new byte[64];
            Assert.Equal($"question {i}", Encoding.ASCII.GetString(buffer, 0, await server.ReceiveAsync(buffer, _timeout.Token)));
            await server.SendAsync(Encoding.ASCII.GetBytes($"answer {i}"), _timeout.Token);
            Assert.Equal($"answer {i}", Encoding.ASCII.GetString(buffer, 0, await client.ReceiveAsync(buffer, _timeout.Token)));
        }
    }
}
