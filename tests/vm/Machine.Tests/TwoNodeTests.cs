using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Transport.Linux.EventLoops;
using Transport.Linux.Interop;
using Transport.Linux.Kestrel;
using Transport.Linux.Numa;
using Transport.Linux.Tests;

namespace Machine.Tests;

/// <summary>A machine with two memory nodes of two CPUs each: loops, buffers and connections stay on their node. These tests need such a machine.</summary>
public class TwoNodeTests
{
    private static readonly NumaTopology s_nodes = new();

    [Fact]
    public void Topology_IsTheMachines() => Assert.Equal("node 0: CPU 0,1; node 1: CPU 2,3", s_nodes.Describe());

    [Fact]
    public void Place_TwoLoops_OneOnEachNode()
    {
        var options = new LinuxTransportOptions { CpuSet = "0-3", ThreadCount = 2 };
        var placement = WorkerPlacement.Place(options, SchedulerCalls.AllowedCpus(), new CpuTopology(), s_nodes);
        Assert.Equal([0, 1], placement.Select(static cpu => s_nodes.NodeOf(cpu)!.Value).Order());
    }

    [Theory]
    [InlineData(NumaMode.Auto)]
    [InlineData(NumaMode.Bind)]
    public async Task Connections_FromEveryCpu_LandOnItsLoopAndUseMemoryOfItsNode(NumaMode mode)
    {
        var log = new RecordingLoggerFactory();
        var options = Options.Create(new LinuxTransportOptions { NumaMode = mode, AcceptSteering = AcceptSteering.Cpu });
        using var loops = new EventLoopGroup(options, log);
        Assert.Equal(4, loops.Loops.Count);
        await using var listener = await new LinuxTransportFactory(loops, options, log).BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        var nodes = new ConcurrentDictionary<int, MemoryPool<byte>>();
        for (var i = 0; i < 40; i++)
        {
            var cpu = i % 4;
            using var client = await PinnedClient.ConnectAsync(cpu, listener.EndPoint);
            await using var server = await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default)
                ?? throw new InvalidOperationException("the listener has ended");
            await client.SendAsync("hello"u8.ToArray());
            var read = await server.Transport.Input.ReadAtLeastAsync(5).AsTask().WaitAsync(Deadline.Default);
            // Kestrel gets the pool of the loop, so the pool tells which loop it was.
            var pool = server.Features.Get<IMemoryPoolFeature>()!.MemoryPool;
            Assert.Same(pool, nodes.GetOrAdd(cpu, pool));
            Assert.Equal(s_nodes.NodeOf(cpu), NodeOfPage(read.Buffer.First));
            server.Transport.Input.AdvanceTo(read.Buffer.End);
        }

        Assert.Equal(4, nodes.Values.Distinct().Count());
    }

    [Fact]
    public void NodeMemory_RentedOnAnotherNode_IsOnItsOwn()
    {
        // By whichever CPU it is touched first.
        foreach (var cpu in SchedulerCalls.AllowedCpus())
        {
            Assert.Equal(0, SchedulerCalls.Pin(SchedulerCalls.CurrentThreadId(), [cpu]));
            foreach (var (node, _) in s_nodes.Nodes)
            {
                using var pool = new NodeMemoryPool(node, NumaMode.Bind, static errno => Assert.Fail($"mbind(2): error {errno}"));
                using var block = pool.Rent();
                block.Memory.Span.Fill(1);
                Assert.Equal(node, NodeOfPage(block.Memory));
            }
        }
    }

    [Fact]
    public void Numa_maps_PagesOfALoop_AreAllOnItsNode()
    {
        // numa_maps(5) joins neighbouring areas: a whole pool with a policy of its own stands alone.
        using var pool = new NodeMemoryPool(1, NumaMode.Bind, static errno => Assert.Fail($"mbind(2): error {errno}"));
        var blocks = Enumerable.Range(0, 512).Select(_ => pool.Rent()).ToArray();
        Array.ForEach(blocks, static block => block.Memory.Span.Fill(1));
        var lines = File.ReadAllLines("/proc/self/numa_maps").Where(static line => line.Contains(" bind:1 ", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(lines);
        Assert.All(lines, static line => Assert.DoesNotContain(" N0=", line, StringComparison.Ordinal));
        Assert.True(lines.Sum(PagesOnNodeOne) >= blocks.Length, string.Join('\n', lines));
        Array.ForEach(blocks, static block => block.Dispose());

        static long PagesOnNodeOne(string line) => line.Split(' ').Where(static field => field.StartsWith("N1=", StringComparison.Ordinal))
            .Sum(static field => long.Parse(field["N1=".Length..], CultureInfo.InvariantCulture));
    }

    /// <summary>One test, because the machine has one state: the other tests of this class run before or after it, never beside it.</summary>
    [Fact]
    public async Task Node_offline_ServingGoesOnAndAStartDoesWithout()
    {
        var log = new RecordingLoggerFactory();
        var options = Options.Create(new LinuxTransportOptions { AcceptSteering = AcceptSteering.Cpu });
        using var before = new EventLoopGroup(options, log);
        await using var running = await new LinuxTransportFactory(before, options, log).BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        await EchoAsync(running, cpu: 3);
        try
        {
            SetOnline(false);
            // Loops of the node are moved by the kernel; connections that other CPUs receive get there by the program's default.
            for (var i = 0; i < 8; i++)
            {
                await EchoAsync(running, cpu: i % 2);
            }

            Assert.Equal([0, 1], SchedulerCalls.AllowedCpus());
            using var after = new EventLoopGroup(Options.Create(new LinuxTransportOptions { ThreadCount = 2 }), log);
            await using var fresh = await new LinuxTransportFactory(after, options, log).BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
            await EchoAsync(fresh, cpu: 1);
            var refusal = new LinuxTransportOptionsValidator().Validate(null, new LinuxTransportOptions { CpuSet = "0-3" });
            Assert.StartsWith("LinuxTransport:CpuSet is 0-3; ", Assert.Single(refusal.Failures!), StringComparison.Ordinal);
        }
        finally
        {
            SetOnline(true);
        }

        await EchoAsync(running, cpu: 3);
    }

    private static async Task EchoAsync(IConnectionListener listener, int cpu)
    {
        using var client = await PinnedClient.ConnectAsync(cpu, listener.EndPoint);
        await using var server = await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default)
            ?? throw new InvalidOperationException("the listener has ended");
        await client.SendAsync("ping"u8.ToArray());
        var read = await server.Transport.Input.ReadAtLeastAsync(4).AsTask().WaitAsync(Deadline.Default);
        await server.Transport.Output.WriteAsync(read.Buffer.ToArray());
        server.Transport.Input.AdvanceTo(read.Buffer.End);
        var answer = new byte[16];
        using var patience = new CancellationTokenSource(Deadline.Default);
        Assert.Equal(4, await client.ReceiveAsync(answer, patience.Token));
    }

    private static void SetOnline(bool isOnline)
    {
        foreach (var cpu in (int[])[2, 3])
        {
            File.WriteAllText($"/sys/devices/system/cpu/cpu{cpu}/online", isOnline ? "1" : "0");
        }
    }

    private static unsafe int NodeOfPage(ReadOnlyMemory<byte> memory)
    {
        using var pin = memory.Pin();
        var node = PageCalls.NodeOf((nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory.Span)));
        Assert.True(node >= 0, $"get_mempolicy(2): error {-node}");
        return node;
    }
}
