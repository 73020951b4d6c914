using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Transport.Linux.Tests;

/// <summary>An event loop that cannot go on stops the application instead of leaving it half dead.</summary>
public class LoopFailureTests
{
    [Fact]
    public async Task EpollFails_LoopThatFailed_IsLoggedAndStillRunsWhatIsPosted()
    {
        using var loops = new LoopFixture();
        var loop = loops.Group.Loops[1];
        Assert.Null(loops.Group.Failure);
        BrokenLoop.Break(loop);
        await ConnectionPair.WaitUntilAsync(() => loops.Group.Failure is not null);
        Assert.Equal("epoll_wait failed for event loop 1: Invalid argument (errno 22).", loops.Group.Failure!.Message);
        var entry = Assert.Single(loops.Log.Entries, static entry => entry.Id == 109);
        Assert.Equal(LogLevel.Critical, entry.Level);
        Assert.StartsWith("Event loop 1 cannot go on, and its connections are served no more: epoll_wait failed", entry.Text, StringComparison.Ordinal);
        Assert.True(await LoopFixture.OnLoop(loop, () => loop.IsCurrent));
        Assert.False(loops.Group.Loops[0].HasFailed);
    }

    [Fact]
    public async Task EpollFails_HostWithConnections_StopsInTime()
    {
        var log = new RecordingLoggerFactory();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.WebHost.UseLinuxZeroCopyTransport(static options => options.ThreadCount = 1).UseUrls("http://127.0.0.1:0");
        await using var application = builder.Build();
        application.MapGet("/", static () => "served");
        await application.StartAsync();
        var address = new Uri(application.Urls.Single());
        using var client = new HttpClient { BaseAddress = address };
        Assert.Equal("served", await client.GetStringAsync(new Uri("/", UriKind.Relative)).WaitAsync(Deadline.Default));

        var stopped = application.WaitForShutdownAsync();
        var loops = application.Services.GetRequiredService<EventLoopGroup>();
        BrokenLoop.Break(loops.Loops[0]);
        // With the keep-alive connection of the request above, and one that waits in the accept queue.
        using var waiting = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await waiting.ConnectAsync(IPAddress.Loopback, address.Port);
        }
        catch (SocketException)
        {
            // The host was quicker.
        }

        await stopped.WaitAsync(Deadline.Default);
        Assert.NotNull(loops.Failure);
        Assert.Single(log.Entries, static entry => entry.Id == 109);
    }
}
