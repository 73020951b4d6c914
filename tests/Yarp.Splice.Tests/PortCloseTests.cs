using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Yarp.Splice.Listening;

namespace Yarp.Splice.Tests;

/// <summary>What becomes of connections that wait for their route when their port is closed.</summary>
public class PortCloseTests
{
    public enum Change
    {
        TheRouteIsRemoved,
        TheHostStops,
    }

    [Theory]
    [InlineData(Change.TheRouteIsRemoved, true)]
    [InlineData(Change.TheRouteIsRemoved, false)]
    [InlineData(Change.TheHostStops, true)]
    [InlineData(Change.TheHostStops, false)]
    public async Task A_connection_that_has_not_sent_its_hello_is_closed_at_once(Change change, bool onEventLoops)
    {
        var port = TestGateway.FreePort();
        var gateway = await TestGateway.StartAsync(
            $$$"""
            { "Routes": { "a": { "ClusterId": "c", "Mode": "Splice", "Match": { "Hosts": [ "a.example:{{{port}}}" ] },
                                 "Splice": { "PrereadTimeout": "01:00:00" } } },
              "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:9" } } } } }
            """,
            builder =>
            {
                if (!onEventLoops)
                {
                    builder.Services.AddSingleton<IPortOpener, SocketPortOpener>();
                }
            },
            onLinuxTransport: onEventLoops);
        await using var _ = gateway;
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        await client.SendAsync(new byte[] { 22 });

        var stopping = Task.CompletedTask;
        if (change == Change.TheHostStops)
        {
            stopping = gateway.App.StopAsync();
        }
        else
        {
            gateway.Replace("""{ "Routes": { }, "Clusters": { } }""");
        }

        await AssertEndsAsync(client);
        await stopping.WaitAsync(TestGateway.Patience);
    }

    private static async Task AssertEndsAsync(Socket client)
    {
        try
        {
            Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(TestGateway.Patience));
        }
        catch (SocketException exception)
        {
            // The kernel had not handed it over yet when the port was closed.
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
        }
    }
}
