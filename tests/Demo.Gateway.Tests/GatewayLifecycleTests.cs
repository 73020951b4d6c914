using Demo.Gateway.Lifecycle;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Demo.Gateway.Tests;

public sealed class GatewayLifecycleTests
{
    [Fact]
    public void Reach_LaterStates_AreReportedOnceEach()
    {
        var lifecycle = new GatewayLifecycle();
        var seen = new List<GatewayState>();
        lifecycle.Changed += seen.Add;
        Assert.Equal(GatewayState.Starting, lifecycle.State);

        lifecycle.Reach(GatewayState.Ready);
        lifecycle.Reach(GatewayState.Ready);
        lifecycle.Reach(GatewayState.Draining);

        Assert.Equal([GatewayState.Ready, GatewayState.Draining], seen);
        Assert.Equal(GatewayState.Draining, lifecycle.State);
    }

    [Fact]
    public void Reach_AnEarlierState_ChangesNothing()
    {
        var lifecycle = new GatewayLifecycle();
        lifecycle.Reach(GatewayState.Draining);
        lifecycle.Changed += static state => Assert.Fail($"{state} was reported.");

        lifecycle.Reach(GatewayState.Ready);

        Assert.Equal(GatewayState.Draining, lifecycle.State);
    }

    [Fact]
    public async Task State_OfAGateway_FollowsItsStartAndStop()
    {
        await using var gateway = new GatewayFactory("http://127.0.0.1:1");
        var lifecycle = gateway.Services.GetRequiredService<GatewayLifecycle>();
        var application = gateway.Services.GetRequiredService<IHostApplicationLifetime>();
        Assert.True(application.ApplicationStarted.IsCancellationRequested);
        Assert.Equal(GatewayState.Ready, lifecycle.State);

        application.StopApplication();

        Assert.Equal(GatewayState.Draining, lifecycle.State);
    }
}
