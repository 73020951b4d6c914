using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>The command that a container's health check runs.</summary>
public sealed class HealthCheckTests
{
    [Fact]
    public async Task It_tells_whether_the_gateway_answers()
    {
        Uri address;
        await using (var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Copy", FreePort.Next(), FreePort.Next())))
        {
            using var admin = await AdminClient.FindAsync(gateway);
            address = admin.Address;
            await using var healthy = Gateway.Run("health", address.ToString());
            Assert.Equal(0, await healthy.WaitForExitAsync());
        }

        await using var gone = Gateway.Run("health", address.ToString());
        Assert.Equal(1, await gone.WaitForExitAsync());
        Assert.Contains("does not answer", gone.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("http://127.0.0.1:1", "http://127.0.0.1:2")]
    public async Task Wrong_arguments_are_named(params string[] arguments)
    {
        await using var program = Gateway.Run(["health", .. arguments]);
        Assert.Equal(2, await program.WaitForExitAsync());
        Assert.Contains("accepted is one http://ADDRESS:PORT", program.Error, StringComparison.Ordinal);
    }
}
