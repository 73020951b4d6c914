using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Yarp.ReverseProxy.Forwarder;

namespace Yarp.Splice.Tests.Upgrades;

/// <summary>How upgraded connections end, and what YARP and Kestrel make of it.</summary>
public class UpgradeEndTests
{
    [Fact]
    public async Task ServerFin_ReachesTheClientAndLeavesTheOtherDirectionOpen()
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        var (client, server) = await gateway.UpgradeAsync();
        using (client)
        using (server)
        {
            server.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            await client.SendAsync("still here"u8.ToArray());
            Assert.Equal("still here"u8.ToArray(), await RawHttp.ReadAsync(server, 10));
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, await server.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        }

        await gateway.WaitUntilIdleAsync();
        Assert.Equal(10, gateway.Metrics.Sum("splice.bytes", ("splice.route", "ws"), ("direction", "upstream")));
    }

    [Fact]
    public async Task ClientReset_ReachesTheDestinationAsReset()
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        var (client, server) = await gateway.UpgradeAsync();
        using (server)
        {
            await gateway.WaitForSessionsAsync(1);
            client.LingerState = new LingerOption(true, 0);
            client.Dispose();
            var exception = await Assert.ThrowsAsync<SocketException>(() => server.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
        }

        await gateway.WaitUntilIdleAsync();
    }

    [Fact]
    public async Task DestinationReset_IsTheDestinationsFailureInYarpsWords()
    {
        var error = new TaskCompletionSource<ForwarderError?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gateway = await UpgradeGateway.StartAsync(configure: builder => builder.Services.AddSingleton<IStartupFilter>(new After(context =>
            error.TrySetResult(context.Features.Get<IForwarderErrorFeature>()?.Error is { } found && !context.RequestAborted.IsCancellationRequested ? found : null))));
        var (client, server) = await gateway.UpgradeAsync();
        using (client)
        {
            await gateway.WaitForSessionsAsync(1);
            server.LingerState = new LingerOption(true, 0);
            server.Dispose();
            var exception = await Assert.ThrowsAsync<SocketException>(() => client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
        }

        // TransportFailureRate looks at just these two.
        Assert.Equal(ForwarderError.UpgradeResponseDestination, await error.Task.WaitAsync(Deadline.Default));
        await gateway.WaitUntilIdleAsync();
    }

    [Fact]
    public async Task Session_WhileItLasts_IsARequestThatYarpCounts()
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        var (client, server) = await gateway.UpgradeAsync();
        using (client)
        using (server)
        {
            await gateway.WaitForSessionsAsync(1);
            Assert.Equal(1, gateway.Concurrency);
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, await server.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            Assert.Equal(1, gateway.Concurrency);
            server.Shutdown(SocketShutdown.Send);
        }

        await gateway.WaitUntilIdleAsync();
        Assert.DoesNotContain(gateway.Gateway.Log.Lines, static line => line.StartsWith("Warning", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SilentSession_EndsAtTheRoutesIdleTimeoutAndNotAtYarpsActivityTimeout()
    {
        await using var gateway = await UpgradeGateway.StartAsync(
            """{ "Upgrades": "Splice", "IdleTimeout": "00:00:03" }""", cluster: """, "HttpRequest": { "ActivityTimeout": "00:00:01" }""");
        var (client, server) = await gateway.UpgradeAsync();
        using (client)
        using (server)
        {
            for (var i = 0; i < 8; i++)
            {
                await Task.Delay(TimeSpan.FromSeconds(0.5));
                await server.SendAsync("x"u8.ToArray());
                Assert.Equal("x"u8.ToArray(), await RawHttp.ReadAsync(client, 1));
            }

            Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            Assert.Equal(0, await server.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        }

        await gateway.WaitUntilIdleAsync();
        await gateway.Gateway.Log.WaitForAsync("idle_timeout");
    }

    [Fact]
    public async Task HostStops_SessionGoesOnUntilTheShutdownTimeoutAndIsReset()
    {
        await using var gateway = await UpgradeGateway.StartAsync(
            configure: static builder => builder.Services.Configure<HostOptions>(static options => options.ShutdownTimeout = TimeSpan.FromSeconds(2)));
        var (client, server) = await gateway.UpgradeAsync();
        using (client)
        using (server)
        {
            var stopping = gateway.Gateway.App.StopAsync();
            await server.SendAsync("x"u8.ToArray());
            Assert.Equal("x"u8.ToArray(), await RawHttp.ReadAsync(client, 1));
            var exception = await Assert.ThrowsAsync<SocketException>(() => client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
            await stopping.WaitAsync(Deadline.Default);
        }

        await gateway.WaitUntilIdleAsync();
    }

    [Fact]
    public async Task ApplicationAbortsTheRequest_BothSidesAreReset()
    {
        HttpContext? upgraded = null;
        await using var gateway = await UpgradeGateway.StartAsync(
            configure: builder => builder.Services.AddSingleton<IStartupFilter>(new Before(context => upgraded = context)));
        var (client, server) = await gateway.UpgradeAsync();
        using (client)
        using (server)
        {
            await gateway.WaitForSessionsAsync(1);
            upgraded!.Abort();
            await Assert.ThrowsAsync<SocketException>(() => client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            await Assert.ThrowsAsync<SocketException>(() => server.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        }

        await gateway.WaitUntilIdleAsync();
    }

    [Fact]
    public async Task HundredAtOnce_AllAreRelayedAndAllEnd()
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        var pairs = new List<(Socket Client, Socket Server)>();
        for (var i = 0; i < 100; i++)
        {
            pairs.Add(await gateway.UpgradeAsync());
        }

        await gateway.WaitForSessionsAsync(100);
        Assert.Equal(100, gateway.Concurrency);
        await Task.WhenAll(pairs.Select(static async (pair, i) =>
        {
            var message = new byte[1 + (i * 997)];
            Array.Fill(message, (byte)i);
            for (var round = 0; round < 10; round++)
            {
                var sending = RawHttp.SendAllAsync(pair.Client, message);
                var received = await RawHttp.ReadAsync(pair.Server, message.Length);
                await sending;
                var answering = RawHttp.SendAllAsync(pair.Server, received);
                Assert.Equal(message, await RawHttp.ReadAsync(pair.Client, message.Length));
                await answering;
            }
        }));
        foreach (var (client, server) in pairs)
        {
            client.Dispose();
            server.Dispose();
        }

        await gateway.WaitUntilIdleAsync();
        Assert.Equal(0, gateway.Managed);
    }

    private sealed class Before(Action<HttpContext> look) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (context, rest) =>
            {
                look(context);
                await rest(context);
            });
            next(app);
        };
    }

    private sealed class After(Action<HttpContext> look) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (context, rest) =>
            {
                await rest(context);
                look(context);
            });
            next(app);
        };
    }
}
