using System.Net;

namespace Transport.Linux.Tests;

/// <summary>Errors that the kernel rarely gives, put in by strace(1), which fails the calls of a running process.</summary>
[Collection(RunsAlone.Name)]
public class SystemCallFaultTests
{
    private const int Requests = 20;

    /// <summary>Errors of the connection that was about to be accepted, and a signal: the next try serves it, and nobody hears of it.</summary>
    [RequiresTracingTheory]
    [InlineData("accept4:error=ECONNABORTED:when=1+2")]
    [InlineData("accept4:error=EPROTO:when=1+2")]
    [InlineData("accept4:error=EINTR:when=1+2")]
    [InlineData("recvfrom:error=EINTR:when=1+2")]
    [InlineData("sendto,sendmsg:error=EINTR:when=1+2")]
    [InlineData("?epoll_wait,?epoll_pwait:error=EINTR:when=1+2")]
    public async Task Call_FailsForAMoment_ServesAndSaysNothing(string fault)
    {
        await using var app = await StartAsync(fault);
        await ServeAsync(app);
        Assert.DoesNotContain("Transport.Linux[103]", app.Program.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("fail:", app.Program.Output, StringComparison.Ordinal);
    }

    /// <summary>Shortages: accepting waits, says so once, and goes on.</summary>
    [RequiresTracingTheory]
    [InlineData("ENFILE")]
    [InlineData("EMFILE")]
    [InlineData("ENOBUFS")]
    [InlineData("ENOMEM")]
    public async Task Accept_ShortOfMemoryOrDescriptors_PausesSaysSoOnceAndServes(string error)
    {
        await using var app = await StartAsync($"accept4:error={error}:when=1..3");
        await ServeAsync(app);
        Assert.InRange(app.CountInOutput("Transport.Linux[103]"), 1, 2);
        Assert.DoesNotContain("fail:", app.Program.Output, StringComparison.Ordinal);
    }

    /// <summary>No memory for a packet: it is tried again, though the socket is never reported writable for that.</summary>
    [RequiresTracingTheory]
    [InlineData("ENOBUFS")]
    [InlineData("ENOMEM")]
    public async Task Send_ShortOfMemory_IsTriedAgain(string error)
    {
        await using var app = await StartAsync($"sendto,sendmsg:error={error}:when=1+2");
        await ServeAsync(app);
        Assert.DoesNotContain("fail:", app.Program.Output, StringComparison.Ordinal);
    }

    /// <summary>No memory for a receive: the same.</summary>
    [RequiresTracingTheory]
    [InlineData("ENOBUFS")]
    [InlineData("ENOMEM")]
    public async Task Receive_ShortOfMemory_IsTriedAgain(string error)
    {
        await using var app = await StartAsync($"recvfrom:error={error}:when=1+2");
        await ServeAsync(app);
        Assert.DoesNotContain("fail:", app.Program.Output, StringComparison.Ordinal);
    }

    // strace counts the calls of each thread: a loop that another thread took over from the application's code would meet the faults anew.
    private static Task<PlainApp> StartAsync(string fault) => PlainApp.StartAsync(
        ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", $"trace={fault.Split(':')[0]}", "-e", $"inject={fault}"],
        "--LinuxTransport:ApplicationScheduling=ThreadPool");

    private static async Task ServeAsync(PlainApp app)
    {
        // A connection for each request, so that each is accepted.
        using var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero }) { Timeout = Deadline.Default };
        var body = new byte[100_000];
        for (var i = 0; i < Requests; i++)
        {
            Random.Shared.NextBytes(body);
            using var response = await client.PostAsync(new Uri(app.Address, "echo"), new ByteArrayContent(body));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(body, await response.Content.ReadAsByteArrayAsync());
        }
    }
}
