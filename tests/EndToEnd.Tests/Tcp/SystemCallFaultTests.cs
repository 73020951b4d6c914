using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>Want of kernel memory, which the kernel rarely reports, put in by strace(1).</summary>
public sealed class SystemCallFaultTests : IDisposable
{
    private const int TransferSize = 4_000_000;

    private readonly CancellationTokenSource _timeout = new(Deadline.Default);
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
    }

    /// <summary>The socket stays ready for the kernel, so no event tells when to try again. Not from the first call on: a probe of Sockmap must not fail.</summary>
    [RequiresTracingTheory]
    [InlineData("Copy", "sendto:error=ENOBUFS:when=5+3")]
    [InlineData("Copy", "recvfrom:error=ENOMEM:when=5+3")]
    [InlineData("Splice", "splice:error=ENOMEM:when=5+3")]
    [InlineData("Auto", "splice,sendto:error=ENOBUFS:when=5+3")]
    [InlineData("Sockmap", "sendto,recvfrom:error=ENOBUFS:when=30+3")]
    public async Task A_relay_that_is_short_of_memory_now_and_then_loses_no_byte(string mode, string fault)
    {
        await using var gateway = await Gateway.StartUnderAsync(
            ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", $"trace={fault.Split(':')[0]}", "-e", $"inject={fault}"],
            GatewayConfiguration.Tcp(mode, _port, _upstream.Port),
            "--LinuxTransport:ThreadCount=1");
        // Its process is strace's.
        gateway.LeaveUnchecked();
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var server = await _upstream.AcceptAsync(_timeout.Token);
        var received = Task.WhenAll(ReceiveAsync(server), ReceiveAsync(client));
        var sent = await Task.WhenAll(SendAsync(client, 1), SendAsync(server, 2));
        Assert.Equal(sent.Select(static hash => ((long)TransferSize, hash)), await received);
        Assert.DoesNotContain("fail:", gateway.Program.Output, StringComparison.Ordinal);
    }

    /// <summary>Between client and gateway, and between gateway and destination.</summary>
    [RequiresTracingTheory]
    [InlineData("ENOBUFS")]
    [InlineData("ENOMEM")]
    public async Task HTTP_requests_through_a_gateway_that_is_short_of_memory_now_and_then_are_served(string error)
    {
        await using var upstream = await HttpUpstream.StartAsync();
        await using var gateway = await Gateway.StartUnderAsync(
            ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=sendto,sendmsg", "-e", $"inject=sendto,sendmsg:error={error}:when=5+3"],
            GatewayConfiguration.Http(upstream.Address, new() { ["Http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{_port}") }));
        gateway.LeaveUnchecked();
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}"), Timeout = Deadline.Default };
        var body = new byte[200_000];
        Random.Shared.NextBytes(body);
        var hash = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(body));
        for (var i = 0; i < 10; i++)
        {
            using var upload = new ByteArrayContent(body);
            using var answer = await client.PostAsync(new Uri("/upload", UriKind.Relative), upload, _timeout.Token);
            Assert.Equal(hash, await answer.Content.ReadAsStringAsync(_timeout.Token));
        }
    }

    private Task<string> SendAsync(Socket socket, int seed) => HashPump.SendAndFinishAsync(socket, TransferSize, seed, _timeout.Token);

    private Task<(long Count, string Hash)> ReceiveAsync(Socket socket) => HashPump.ReceiveAsync(socket, _timeout.Token);
}
