using System.Net.Sockets;

namespace Yarp.Splice.Tests.Relay;

/// <summary>The end of a host: sessions that end by themselves, sessions that do not, and sessions that begin meanwhile.</summary>
public class RelayDrainTests
{
    [Theory]
    [CombinedModes]
    public async Task Drain_SessionThatDoesNotEnd_IsResetOnBothSidesAtTheDeadline(SpliceMode mode)
    {
        await using var fixture = RelayFixture.Create(mode);
        var (client, server) = await fixture.ConnectPairAsync();
        using var _ = client;
        using var __ = server;
        await ExchangeAsync(client, server);
        Assert.Equal(mode == SpliceMode.Sockmap && fixture.Engine.Sockmap.Program is not null, fixture.ArmedDirections > 0);
        using var deadline = new CancellationTokenSource();
        var draining = fixture.Engine.DrainAsync(deadline.Token);
        await ExchangeAsync(client, server);
        Assert.False(draining.IsCompleted);

        await deadline.CancelAsync();

        Assert.Equal(1, await draining.WaitAsync(RelayFixture.Deadline));
        await AssertResetAsync(client);
        await AssertResetAsync(server);
    }

    [Fact]
    public async Task Drain_AfterAnotherOne_WaitsForSessionsThatHaveBegunSince()
    {
        await using var fixture = RelayFixture.Create(SpliceMode.Copy);
        Assert.Equal(0, await fixture.Engine.DrainAsync(CancellationToken.None).WaitAsync(RelayFixture.Deadline));
        var (client, server) = await fixture.ConnectPairAsync();
        using var _ = client;
        using var __ = server;

        var draining = fixture.Engine.DrainAsync(CancellationToken.None);
        await ExchangeAsync(client, server);
        Assert.False(draining.IsCompleted);
        client.Shutdown(SocketShutdown.Send);
        server.Shutdown(SocketShutdown.Send);

        Assert.Equal(0, await draining.WaitAsync(RelayFixture.Deadline));
    }

    [Fact]
    public async Task Start_AfterTheDeadlineOfADrain_ResetsTheConnection()
    {
        await using var fixture = RelayFixture.Create(SpliceMode.Copy);
        var (early, server) = await fixture.ConnectPairAsync();
        using var _ = early;
        using var __ = server;
        Assert.Equal(1, await fixture.Engine.DrainAsync(new CancellationToken(canceled: true)).WaitAsync(RelayFixture.Deadline));

        await AssertResetAsync(async () =>
        {
            // The reset may be there before the client has seen that it is connected.
            using var client = await fixture.ConnectAsync();
            await client.ReceiveAsync(new byte[1]).WaitAsync(RelayFixture.Deadline);
        });
        await fixture.WaitUntilIdleAsync();
    }

    private static async Task ExchangeAsync(Socket client, Socket server)
    {
        var buffer = new byte[1];
        for (var i = 0; i < 4; i++)
        {
            await client.SendAsync(new byte[1]).WaitAsync(RelayFixture.Deadline);
            Assert.Equal(1, await server.ReceiveAsync(buffer).WaitAsync(RelayFixture.Deadline));
            await server.SendAsync(new byte[1]).WaitAsync(RelayFixture.Deadline);
            Assert.Equal(1, await client.ReceiveAsync(buffer).WaitAsync(RelayFixture.Deadline));
        }
    }

    private static Task AssertResetAsync(Socket socket) =>
        AssertResetAsync(() => socket.ReceiveAsync(new byte[1]).WaitAsync(RelayFixture.Deadline));

    private static async Task AssertResetAsync(Func<Task> call)
    {
        var exception = await Assert.ThrowsAsync<SocketException>(call);
        Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
    }
}
