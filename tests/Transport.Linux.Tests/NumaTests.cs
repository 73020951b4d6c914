using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Transport.Linux.EventLoops;
using Transport.Linux.Interop;
using Transport.Linux.Numa;

namespace Transport.Linux.Tests;

/// <summary>Memory nodes: a made-up machine with two, and the real first one.</summary>
public class NumaTests
{
    [Fact]
    public void Topology_TwoNodes_KnowsTheNodeOfEachCpu()
    {
        using var sysfs = new FakeSysfs().WithNode(0, "0-1,4-5").WithNode(1, "2-3,6-7").WithNode(2, "");
        var topology = new NumaTopology(sysfs.Root);
        Assert.Equal("node 0: CPU 0,1,4,5; node 1: CPU 2,3,6,7", topology.Describe());
        Assert.Equal(0, topology.NodeOf(5));
        Assert.Equal(1, topology.NodeOf(2));
        Assert.Null(topology.NodeOf(8));
        Assert.Null(topology.NodeOf(null));
    }

    [Theory]
    [InlineData(NumaMode.Auto, new[] { 0, 2, 1, 3 })]
    [InlineData(NumaMode.Off, new[] { 0, 1, 2, 3 })]
    public void Place_FewerLoopsThanCpusOnTwoNodes_SpreadsPhysicalCoresOverThem(NumaMode mode, int[] expected)
    {
        using var sysfs = new FakeSysfs().WithNode(0, "0-1,4-5").WithNode(1, "2-3,6-7")
            .WithSiblings("0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7");
        var options = new LinuxTransportOptions { CpuSet = "0-7", ThreadCount = 4, NumaMode = mode };
        var placement = WorkerPlacement.Place(options, [], new CpuTopology(sysfs.Root), new NumaTopology(sysfs.Root));
        Assert.Equal(expected, placement.Select(static cpu => cpu!.Value));
    }

    [Fact]
    public void CreatePool_EachMode_UsesNodesOnlyWhereThatIsAsked()
    {
        using var twoNodes = new FakeSysfs().WithNode(0, "0").WithNode(1, "1");
        using var oneNode = new FakeSysfs().WithNode(0, "0-1");
        using var none = new FakeSysfs();
        var log = new RecordingLoggerFactory();
        Assert.NotNull(Create(NumaMode.Auto, twoNodes, 1));
        Assert.Null(Create(NumaMode.Auto, twoNodes, null));
        Assert.Null(Create(NumaMode.Auto, oneNode, 1));
        Assert.Null(Create(NumaMode.Off, twoNodes, 1));
        Assert.NotNull(Create(NumaMode.Bind, oneNode, null));
        Assert.Null(Create(NumaMode.Bind, none, 1));

        MemoryPool<byte>? Create(NumaMode mode, FakeSysfs sysfs, int? cpu) =>
            new NodeMemory(mode, hugePages: false, new NumaTopology(sysfs.Root), log).CreatePool(cpu);
    }

    [RequiresMbindTheory]
    [InlineData(NumaMode.Bind, "bind:0")]
    [InlineData(NumaMode.Auto, "prefer:0")]
    public void Rent_OnNodeZero_TheKernelKnowsThePolicyOfThePages(NumaMode mode, string expected)
    {
        using var pool = new NodeMemoryPool(0, mode, static errno => Assert.Fail(Errno.Describe(errno)));
        using var block = pool.Rent();
        block.Memory.Span.Fill(1);
        using var pin = block.Memory.Pin();
        var maps = File.ReadAllLines("/proc/self/numa_maps").Select(static line => line.Split(' '))
            .Select(static fields => (Start: ulong.Parse(fields[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), Policy: fields[1]));
        var address = AddressOf(block);
        Assert.Equal(expected, maps.Last(map => map.Start <= address).Policy);
    }

    [Fact]
    public void Rent_ManyBlocks_AreDistinctAndComeBackOnce()
    {
        using var pool = new NodeMemoryPool(0, NumaMode.Auto, static _ => { });
        var blocks = Enumerable.Range(0, 600).Select(_ => pool.Rent(4096)).ToArray();
        Assert.Equal(600, blocks.Select(AddressOf).Distinct().Count());
        Assert.All(blocks, static block => Assert.Equal(4096, block.Memory.Length));
        var first = AddressOf(blocks[0]);
        blocks[0].Dispose();
        blocks[0].Dispose();
        var again = Enumerable.Range(0, 768).Select(_ => pool.Rent()).ToArray();
        Assert.Single(again, block => AddressOf(block) == first);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(4097));
        Array.ForEach(again, static block => block.Dispose());
    }

    [Fact]
    public void Dispose_BlockStillRented_LeavesItsMemoryUntilItComesBack()
    {
        var pool = new NodeMemoryPool(0, NumaMode.Auto, static _ => { });
        var block = pool.Rent();
        pool.Dispose();
        block.Memory.Span.Fill(7);
        Assert.Throws<ObjectDisposedException>(() => pool.Rent());
        Assert.Equal(7, block.Memory.Span[4095]);
        block.Dispose();
    }

    [Theory]
    [InlineData("[always] madvise never", "2097152", null)]
    [InlineData("always [madvise] never", "2097152", null)]
    [InlineData("always madvise [never]", "2097152", "enabled is never")]
    [InlineData("always [madvise] never", "536870912", "they have 536870912 bytes here, and buffers need 2097152")]
    [InlineData(null, null, "the kernel has none, or hides")]
    public void HugePages_WhatTheKernelSays_IsTheObstacleOrNone(string? enabled, string? size, string? obstacle)
    {
        using var sysfs = new FakeSysfs().WithNode(0, "0");
        if (enabled is not null)
        {
            sysfs.WithHugePages(enabled, size!);
        }

        var log = new RecordingLoggerFactory();
        var memory = new NodeMemory(NumaMode.Auto, hugePages: true, new NumaTopology(sysfs.Root), log, sysfs.Root);
        memory.LogOnce();
        if (obstacle is null)
        {
            Assert.DoesNotContain(log.Entries, static entry => entry.Id == 112);
            using var pool = Assert.IsType<NodeMemoryPool>(memory.CreatePool(0));
            pool.Rent().Dispose();
            Assert.Equal(HugePages.Size, pool.MappedBytes);
        }
        else
        {
            Assert.Contains(obstacle, Assert.Single(log.Entries, static entry => entry.Id == 112).Text, StringComparison.Ordinal);
            Assert.Null(memory.CreatePool(0));
        }
    }

    [Fact]
    public void Validate_HugePagesWithoutNodeLocalPools_IsRefused()
    {
        var result = new LinuxTransportOptionsValidator().Validate(null, new LinuxTransportOptions { HugePages = true, NumaMode = NumaMode.Off });
        Assert.StartsWith("LinuxTransport:HugePages is True; accepted is true only with NumaMode Auto or Bind", Assert.Single(result.Failures!), StringComparison.Ordinal);
    }

    [RequiresHugePagesFact]
    public void Rent_HugePages_TheKernelKnowsThatTheyAreWanted()
    {
        using var pool = new NodeMemoryPool(0, NumaMode.Auto, static _ => { }, static errno => Assert.Fail(Errno.Describe(errno)));
        var blocks = Enumerable.Range(0, 600).Select(_ => pool.Rent()).ToArray();
        Assert.Equal(600, blocks.Select(AddressOf).Distinct().Count());
        Assert.Equal(2 * HugePages.Size, pool.MappedBytes);
        var first = AddressOf(blocks[0]);
        Assert.Equal(0ul, first % HugePages.Size);
        Array.ForEach(blocks, static block => block.Memory.Span.Fill(1));

        // The mapping of an address begins with its range in hexadecimal and ends with its flags: hg is VM_HUGEPAGE (proc_pid_smaps(5)).
        var flags = "";
        var isMapping = false;
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            var range = line.Split(' ')[0].Split('-');
            if (range.Length == 2 && ulong.TryParse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var start))
            {
                isMapping = start <= first && first < ulong.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            }
            else if (isMapping && line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                flags = line;
            }
        }

        Assert.Contains(" hg", flags, StringComparison.Ordinal);
        Array.ForEach(blocks, static block => block.Dispose());
        Assert.Equal(0, pool.RentedBytes);
    }

    [RequiresHugePagesFact]
    public async Task HugePages_OnThisMachine_ConnectionsUseThem()
    {
        await using var pair = await ConnectionPair.CreateAsync(options => (options.HugePages, options.ThreadCount) = (true, 1));
        await pair.Client.SendAsync("hello"u8.ToArray(), SocketFlags.None);
        Assert.Equal("hello", await pair.ReadTextAsync(5));
        var pool = pair.Server.Features.Get<Microsoft.AspNetCore.Connections.Features.IMemoryPoolFeature>()!.MemoryPool;
        Assert.Equal(HugePages.Size, Assert.IsType<NodeMemoryPool>(pool).MappedBytes);
        Assert.DoesNotContain(pair.Log, static entry => entry.Id is 108 or 112);
    }

    [RequiresMbindTheory]
    [InlineData(NumaMode.Bind)]
    public async Task Bind_OnThisMachine_ConnectionsUseNodeMemoryAndTheLogSaysSo(NumaMode mode)
    {
        await using var pair = await ConnectionPair.CreateAsync(options => options.NumaMode = mode);
        await pair.Client.SendAsync("hello"u8.ToArray(), SocketFlags.None);
        Assert.Equal("hello", await pair.ReadTextAsync(5));
        await pair.Server.Transport.Output.WriteAsync(new byte[10_000]);
        Assert.Equal(10_000, (await pair.ReceiveAsync(10_000)).Length);
        Assert.Contains(pair.Log, static entry => entry.Id == 107);
        Assert.IsType<NodeMemoryPool>(pair.Server.Features.Get<Microsoft.AspNetCore.Connections.Features.IMemoryPoolFeature>()!.MemoryPool);
    }

    private static unsafe ulong AddressOf(IMemoryOwner<byte> block) =>
        (ulong)Unsafe.AsPointer(ref MemoryMarshal.GetReference(block.Memory.Span));
}
