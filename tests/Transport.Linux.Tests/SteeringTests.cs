using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;
using Transport.Linux.Listening;

namespace Transport.Linux.Tests;

/// <summary>Connections go to the loop of the CPU that received them. On loopback the sender's CPU receives.</summary>
public class SteeringTests
{
    [Fact]
    public void Build_WorkersOnOtherCpusThanTheirIndex_IsAJumpTableWithAModuloDefault()
    {
        var bytes = MemoryMarshal.AsBytes(ReuseportProgram.Build([5, 2], sockets: 2).AsSpan());
        // sock_filter: code, jt, jf, k. ld #cpu; jeq #5 ret #0; jeq #2 ret #1; mod #2; ret a.
        Assert.Equal(
            "20000000" + "24F0FFFF" +
            "15000001" + "05000000" + "06000000" + "00000000" +
            "15000001" + "02000000" + "06000000" + "01000000" +
            "94000000" + "02000000" + "16000000" + "00000000",
            Convert.ToHexString(bytes));
    }

    [Fact]
    public void Build_WorkersThatAreNotPinned_IsTheModuloAlone() =>
        Assert.Equal([0x20, 0x94, 0x16], ReuseportProgram.Build([null, null], sockets: 2).Select(static instruction => (int)instruction.Code));

    [Fact]
    public void Build_WorkersOnTheCpusOfTheirIndex_IsTheModuloAlone() =>
        Assert.Equal([0x20, 0x94, 0x16], ReuseportProgram.Build([0, 1, 2], sockets: 3).Select(static instruction => (int)instruction.Code));

    [Fact]
    public void FilterProgram_On64Bit_HasTheKernelsLayout()
    {
        Assert.Equal(8, Marshal.SizeOf<ReuseportProgram.Instruction>());
        Assert.Equal(16, Marshal.SizeOf<SocketCalls.FilterProgram>());
        Assert.Equal(8, (int)Marshal.OffsetOf<SocketCalls.FilterProgram>(nameof(SocketCalls.FilterProgram.Instructions)));
    }

    [Theory]
    [InlineData(1024, 0)]
    [InlineData(256, 1)]
    public void Attach_ManyWorkers_IsTakenByTheKernel(int workers, int firstCpu)
    {
        var endPoint = new IPEndPoint(IPAddress.Loopback, 0);
        var listener = ListeningSocket.Bind(endPoint, joinsGroup: true, new LinuxTransportOptions());
        ListeningSocket.Listen(listener, endPoint, 1);
        var cpus = Enumerable.Range(firstCpu, workers).Select(static cpu => (int?)cpu).ToArray();
        Assert.Equal(0, SocketCalls.AttachReuseportProgram(listener, ReuseportProgram.Build(cpus, cpus.Length)));
        _ = SocketCalls.Close(listener);
    }

    [RequiresTwoCpusFact]
    public async Task Cpu_ClientPinnedToACpu_LandsOnTheLoopOfThatCpu()
    {
        var cpus = SchedulerCalls.AllowedCpus()[..2];
        using var loops = new LoopFixture(options =>
        {
            options.ThreadCount = null;
            options.CpuSet = $"{cpus[0]},{cpus[1]}";
            options.AcceptSteering = AcceptSteering.Cpu;
        });
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        for (var i = 0; i < 40; i++)
        {
            using var client = await PinnedClient.ConnectAsync(cpus[i % 2], listener.EndPoint);
            Assert.Equal(i % 2, (await accepted.NextAsync()).Loop);
        }

        await listener.StopAsync();
        Assert.DoesNotContain(loops.Log.Entries, static entry => entry.Level >= LogLevel.Warning);
    }

    [RequiresTwoCpusFact]
    public async Task Cpu_InheritedSocketsThatWereNotSteered_LandOnTheLoopOfTheCpu()
    {
        var cpus = SchedulerCalls.AllowedCpus()[..2];
        using var old = new LoopFixture();
        using var loops = new LoopFixture(options =>
        {
            options.ThreadCount = null;
            options.CpuSet = $"{cpus[0]},{cpus[1]}";
            options.AcceptSteering = AcceptSteering.Cpu;
        });
        using var accepted = new AcceptProbe();
        var listener = old.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        loops.Group.Inherit(listener.DuplicateSockets());
        var taken = loops.Group.Listen(listener.EndPoint, accepted);
        loops.Group.AcceptInherited();
        await old.Group.HandOverAsync(static _ => true).WaitAsync(Deadline.Default);
        for (var i = 0; i < 40; i++)
        {
            using var client = await PinnedClient.ConnectAsync(cpus[i % 2], listener.EndPoint);
            Assert.Equal(i % 2, (await accepted.NextAsync()).Loop);
        }

        await taken.StopAsync();
    }

    [RequiresTwoCpusFact]
    public async Task Attach_WorkersInReverseOrder_ConnectionsFollowTheTableNotTheNumber()
    {
        var cpus = SchedulerCalls.AllowedCpus()[..2];
        var options = new LinuxTransportOptions();
        var first = ListeningSocket.Bind(new IPEndPoint(IPAddress.Loopback, 0), joinsGroup: false, options);
        var endPoint = (IPEndPoint)ListeningSocket.GetLocalEndPoint(first)!;
        int[] listeners = [first, ListeningSocket.Bind(endPoint, joinsGroup: true, options)];
        Array.ForEach(listeners, listener => ListeningSocket.Listen(listener, endPoint, 16));
        ConnectionSteering.Attach(listeners, [cpus[1], cpus[0]], endPoint);
        for (var i = 0; i < 40; i++)
        {
            using var client = await PinnedClient.ConnectAsync(cpus[i % 2], endPoint);
            var expected = listeners[1 - (i % 2)];
            var descriptor = -1;
            await ConnectionPair.WaitUntilAsync(() => (descriptor = Accept(expected)) >= 0);
            _ = SocketCalls.Close(descriptor);
        }

        Array.ForEach(listeners, static listener => SocketCalls.Close(listener));
    }

    [Fact]
    public async Task Cpu_LoopsThatAreNotPinned_WorkWithAWarning()
    {
        using var loops = new LoopFixture(static options =>
        {
            options.ThreadCount = SchedulerCalls.AllowedCpus().Length + 1;
            options.AcceptSteering = AcceptSteering.Cpu;
        });
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        using var client = await PinnedClient.ConnectAsync(SchedulerCalls.AllowedCpus()[0], listener.EndPoint);
        await accepted.NextAsync();
        await listener.StopAsync();
        Assert.Contains(loops.Log.Entries, static entry => entry is { Level: LogLevel.Warning, Id: 106 });
    }

    private static int Accept(int listener) => SocketCalls.Accept(listener, new byte[NativeSocketAddress.MaxLength], out _);
}
