using Transport.Linux.EventLoops;
using Transport.Linux.Interop;
using Transport.Linux.Numa;

namespace Transport.Linux.Tests;

/// <summary>On which CPUs the event loops run.</summary>
public class PlacementTests
{
    [Theory]
    [InlineData("0", new[] { 0 })]
    [InlineData("0-3,8", new[] { 0, 1, 2, 3, 8 })]
    [InlineData(" 8 , 2-3,3", new[] { 2, 3, 8 })]
    [InlineData("8191", new[] { 8191 })]
    public void TryParse_List_GivesTheCpusInOrder(string text, int[] expected)
    {
        Assert.True(CpuList.TryParse(text, out var cpus, out _));
        Assert.Equal(expected, cpus);
    }

    [Theory]
    [InlineData("", "a CPU is missing")]
    [InlineData("1,,2", "a CPU is missing")]
    [InlineData("1-", "'1-' is neither a CPU from 0 to 8191 nor a range")]
    [InlineData("-1", "'-1' is neither")]
    [InlineData("all", "'all' is neither")]
    [InlineData("8192", "'8192' is neither")]
    [InlineData("1-2-3", "'1-2-3' is neither")]
    [InlineData("3-1", "the range '3-1' runs backwards")]
    public void TryParse_Mistake_IsNamed(string text, string expected)
    {
        Assert.False(CpuList.TryParse(text, out _, out var mistake));
        Assert.Contains(expected, mistake, StringComparison.Ordinal);
    }

    [Fact]
    public void Place_FewerLoopsThanCpusOfTheSet_TakesPhysicalCoresFirst()
    {
        // Neighbours are hyper-threads of one core.
        using var sysfs = new FakeSysfs().WithSiblings("0-1", "0-1", "2-3", "2-3", "4-5", "4-5");
        Assert.Equal([0, 2], Place(sysfs, "0-3", 2));
        Assert.Equal([1, 2, 4, 3], Place(sysfs, "1-5", 4));
    }

    [Fact]
    public void Place_SiblingsFarApart_TakesPhysicalCoresFirst()
    {
        using var sysfs = new FakeSysfs().WithSiblings("0,3", "1,4", "2,5", "0,3", "1,4", "2,5");
        Assert.Equal([0, 1, 2, 3], Place(sysfs, "0-5", 4));
        Assert.Equal([2, 3], Place(sysfs, "2-3,5", 2));
    }

    [Fact]
    public void Place_AsManyLoopsAsCpusOfTheSet_KeepsTheirOrder()
    {
        using var sysfs = new FakeSysfs().WithSiblings("0-1", "0-1", "2-3", "2-3");
        Assert.Equal([0, 1, 2, 3], Place(sysfs, "0-3", null));
    }

    [Fact]
    public void Place_NoTopologyInSysfs_TakesTheFirstCpus()
    {
        using var sysfs = new FakeSysfs();
        Assert.Equal([4, 5], Place(sysfs, "4-7", 2));
    }

    [Fact]
    public async Task CpuSet_OfOneCpu_PinsItsOnlyLoopThere()
    {
        var cpu = SchedulerCalls.AllowedCpus()[^1];
        using var loops = new LoopFixture(options => (options.ThreadCount, options.CpuSet) = (null, $"{cpu}"));
        var loop = Assert.Single(loops.Group.Loops);
        Assert.Equal(cpu, loop.Cpu);
        Assert.Equal([cpu], await LoopFixture.OnLoop(loop, SchedulerCalls.AllowedCpus));
    }

    [Theory]
    [InlineData("x", null, "LinuxTransport:CpuSet is x; accepted is a list of CPUs such as 0-3,8 ('x' is neither")]
    [InlineData("8190", null, "LinuxTransport:CpuSet is 8190; accepted is a list of CPUs that the process may use")]
    [InlineData("0", 2, "LinuxTransport:ThreadCount is 2; accepted is at most the 1 CPUs of CpuSet 0")]
    public void Validate_CpuSetThatCannotBe_IsRefused(string cpuSet, int? threadCount, string expected)
    {
        var result = new LinuxTransportOptionsValidator().Validate(
            null, new LinuxTransportOptions { CpuSet = cpuSet, ThreadCount = threadCount });
        Assert.Contains(result.Failures!, failure => failure.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Find_CpuSetOfOneCpu_SaysWhereLoopAndBuffersGoWithoutStartingAnything()
    {
        var allowed = SchedulerCalls.AllowedCpus();
        var placement = TransportPlacement.Find(new LinuxTransportOptions { CpuSet = $"{allowed[^1]}", NumaMode = NumaMode.Bind });
        Assert.Equal(allowed, placement.AllowedCpus);
        var loop = Assert.Single(placement.Loops);
        Assert.Equal((0, allowed[^1]), (loop.Index, loop.Cpu));
        // Null on a machine that shows no nodes.
        Assert.Equal(placement.Nodes.FirstOrDefault(node => node.Cpus.Contains(allowed[^1]))?.Number, loop.Node);
        Assert.Equal(loop.Node, loop.BufferNode);
    }

    [Fact]
    public void Placement_OfRunningLoops_IsWhatTheyHaveAndWhatTheLogSaysOnce()
    {
        using var loops = new LoopFixture(options => (options.ThreadCount, options.CpuSet) = (null, $"{SchedulerCalls.AllowedCpus()[0]}"));
        var placement = loops.Group.Placement;
        Assert.Empty(loops.Log.Entries);
        Assert.Equal(loops.Group.Loops.Select(static loop => loop.Cpu), placement.Loops.Select(static loop => loop.Cpu));
        Assert.Same(placement, loops.Group.Placement);
        _ = loops.Group.Loops;
        var started = Assert.Single(loops.Log.Entries, static entry => entry.Id == 100);
        Assert.Equal($"1 event loops started, pinned to CPU {SchedulerCalls.AllowedCpus()[0]}.", started.Text);
    }

    [Fact]
    public void Placement_TwoNodes_NamesTheNodeOfEachLoopAndOfItsBuffers()
    {
        using var sysfs = new FakeSysfs().WithNode(0, "1000-1001").WithNode(1, $"{string.Join(',', SchedulerCalls.AllowedCpus())}");
        var nodes = new NumaTopology(sysfs.Root);
        var log = new RecordingLoggerFactory();
        var memory = new NodeMemory(NumaMode.Auto, hugePages: false, nodes, log, sysfs.Root);
        var placement = TransportPlacement.Find(new LinuxTransportOptions { CpuSet = $"{SchedulerCalls.AllowedCpus()[0]}" }, nodes, memory);
        Assert.Equal([0, 1], placement.Nodes.Select(static node => node.Number));
        Assert.Equal([1000, 1001], placement.Nodes[0].Cpus);
        Assert.Equal(new LoopPlacement(0, SchedulerCalls.AllowedCpus()[0], 1, 1), Assert.Single(placement.Loops));
        Assert.Contains("the kernel has none", placement.HugePagesObstacle, StringComparison.Ordinal);
        memory.LogOnce();
        Assert.Contains("node 0: CPU 1000,1001; node 1: CPU ", Assert.Single(log.Entries, static entry => entry.Id == 107).Text, StringComparison.Ordinal);
    }

    private static int?[] Place(FakeSysfs sysfs, string cpuSet, int? threadCount) => WorkerPlacement.Place(
        new LinuxTransportOptions { CpuSet = cpuSet, ThreadCount = threadCount }, [], new CpuTopology(sysfs.Root), new NumaTopology(sysfs.Root));
}
