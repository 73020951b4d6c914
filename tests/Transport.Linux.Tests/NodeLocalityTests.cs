using System.Net;
using System.Net.Sockets;
using Transport.Linux.Interop;
using Transport.Linux.Numa;

namespace Transport.Linux.Tests;

/// <summary>Which connections arrive on the memory node of the loop that accepts them, on a made-up machine with a node for each CPU.</summary>
public class NodeLocalityTests
{
    private const string Metric = "transport.linux.connections.locality";

    [RequiresTwoCpusFact]
    public async Task Locality_ClientsOnTheCpusOfTwoNodes_CountsWhatArrivesOnTheLoopsOwn()
    {
        var cpus = SchedulerCalls.AllowedCpus()[..2];
        using var sysfs = new FakeSysfs().WithNode(0, $"{cpus[0]}").WithNode(1, $"{cpus[1]}");
        using var metrics = new MetricReadings();
        // One loop, near the second CPU, so that it accepts whatever comes from wherever.
        using var loops = new LoopFixture(options => (options.ThreadCount, options.CpuSet) = (null, $"{cpus[1]}"), metrics.Factory, new NumaTopology(sysfs.Root));
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        for (var i = 0; i < 12; i++)
        {
            using var client = await PinnedClient.ConnectAsync(cpus[i % 3 == 0 ? 0 : 1], listener.EndPoint);
            await accepted.NextAsync();
        }

        await listener.StopAsync();
        metrics.Collect();
        Assert.Equal((8, 4), (metrics.Of(Metric, 0, "local"), metrics.Of(Metric, 0, "remote")));
        Assert.Equal(12, metrics.Of("transport.linux.connections.accepted", 0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Locality_OneNodeOrNoneShown_CountsEveryTcpConnectionAsLocalAndNoOther(bool isShown)
    {
        using var sysfs = new FakeSysfs();
        if (isShown)
        {
            sysfs.WithNode(0, "0-1023");
        }

        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(null, metrics.Factory, new NumaTopology(sysfs.Root));
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        using var client = await PinnedClient.ConnectAsync(SchedulerCalls.AllowedCpus()[0], listener.EndPoint);
        await accepted.NextAsync();
        var unix = loops.Group.Listen(new UnixDomainSocketEndPoint($"@{Guid.NewGuid():N}"), accepted);
        using var local = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await local.ConnectAsync(unix.EndPoint);
        await accepted.NextAsync();

        await Task.WhenAll(listener.StopAsync(), unix.StopAsync());
        Assert.Equal((1, 0, 2), (metrics.Sum(Metric, "local"), metrics.Sum(Metric, "remote"), metrics.Sum("transport.linux.connections.accepted")));
    }

    [Fact]
    public async Task Locality_LoopsThatAreNotPinnedOnTwoNodes_IsNotReported()
    {
        using var sysfs = new FakeSysfs().WithNode(0, "0").WithNode(1, "1-1023");
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(
            static options => options.ThreadCount = SchedulerCalls.AllowedCpus().Length + 1, metrics.Factory, new NumaTopology(sysfs.Root));
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        using var client = await PinnedClient.ConnectAsync(SchedulerCalls.AllowedCpus()[0], listener.EndPoint);
        await accepted.NextAsync();

        await listener.StopAsync();
        Assert.Equal(1, metrics.Sum("transport.linux.connections.accepted"));
        Assert.False(metrics.Has(Metric));
    }

    [Fact]
    public void IsLocal_SocketThatNoPacketHasReached_IsNotKnown()
    {
        using var sysfs = new FakeSysfs().WithNode(0, "0").WithNode(1, "1-1023");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Assert.Null(NodeLocality.Of(new NumaTopology(sysfs.Root), loopNode: 1)!.IsLocal((int)socket.Handle));
    }
}
