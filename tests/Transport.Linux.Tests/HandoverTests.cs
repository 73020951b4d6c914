using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Transport.Linux.Tests;

/// <summary>Listening sockets that go from one group of loops to another, as between two processes.</summary>
public sealed class HandoverTests : IDisposable
{
    private const int Clients = 64;

    private readonly AcceptProbe _before = new();
    private readonly AcceptProbe _after = new();

    public void Dispose()
    {
        _before.Dispose();
        _after.Dispose();
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(3, 1)]
    [InlineData(1, 3)]
    [InlineData(2, 5)]
    public async Task Connections_that_wait_in_the_queues_are_accepted_by_the_next_one_whatever_its_loops(int loopsBefore, int loopsAfter)
    {
        using var old = new LoopFixture(options => options.ThreadCount = loopsBefore);
        using var next = new LoopFixture(options => options.ThreadCount = loopsAfter);
        var listener = old.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), _before);
        Assert.Equal(listener.EndPoint, next.Group.Inherit(listener.DuplicateSockets()));
        // Stopped first, so that what comes next can only wait in the queues that are shared.
        await old.Group.HandOverAsync(static _ => true).WaitAsync(Deadline.Default);
        using var clients = await ClientSet.ConnectAsync(listener.EndPoint, Clients);

        var taken = next.Group.Listen(listener.EndPoint, _after);
        Assert.Equal([listener.EndPoint], next.Group.AcceptInherited());

        await AssertAllArriveAsync(_after, clients);
        await taken.StopAsync().WaitAsync(Deadline.Default);
    }

    [Fact]
    public async Task Until_it_accepts_the_next_one_takes_nothing_and_may_fail_unnoticed()
    {
        using var old = new LoopFixture();
        var listener = old.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), _before);
        using (var next = new LoopFixture())
        {
            next.Group.Inherit(listener.DuplicateSockets());
            var failed = next.Group.Listen(listener.EndPoint, _after);
            using var during = await ClientSet.ConnectAsync(listener.EndPoint, Clients);
            await AssertAllArriveAsync(_before, during);
            await failed.StopAsync().WaitAsync(Deadline.Default);
        }

        using var later = await ClientSet.ConnectAsync(listener.EndPoint, Clients);
        await AssertAllArriveAsync(_before, later);
        await listener.StopAsync();
    }

    [Fact]
    public async Task What_the_next_one_does_not_take_is_emptied_and_closed()
    {
        using var old = new LoopFixture();
        using var next = new LoopFixture();
        var kept = old.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), _before);
        var dropped = old.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), _before);
        next.Group.Inherit(kept.DuplicateSockets());
        next.Group.Inherit(dropped.DuplicateSockets());
        next.Group.Listen(kept.EndPoint, _after);
        var taken = next.Group.AcceptInherited();
        using var clients = await ClientSet.ConnectAsync(dropped.EndPoint, 16);

        await old.Group.HandOverAsync(taken.Contains).WaitAsync(Deadline.Default);

        await AssertAllArriveAsync(_before, clients);
        await Assert.ThrowsAsync<SocketException>(() => ClientSet.ConnectAsync(dropped.EndPoint, 1));
        using var others = await ClientSet.ConnectAsync(kept.EndPoint, 16);
        await AssertAllArriveAsync(_after, others);
        Assert.Empty(old.Group.Listeners);
        Assert.Throws<InvalidOperationException>(() => old.Group.Listen(dropped.EndPoint, _before));
    }

    [Fact]
    public async Task The_file_of_a_Unix_socket_stays_and_goes_with_its_last_listener()
    {
        using var old = new LoopFixture();
        using var next = new LoopFixture();
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.sock");
        var endPoint = new UnixDomainSocketEndPoint(path);
        var listener = old.Group.Listen(endPoint, _before);
        next.Group.Inherit(listener.DuplicateSockets());
        var taken = next.Group.Listen(endPoint, _after);
        next.Group.AcceptInherited();
        await old.Group.HandOverAsync(static _ => true).WaitAsync(Deadline.Default);

        using var clients = await ClientSet.ConnectAsync(endPoint, 8);
        for (var i = 0; i < clients.Sockets.Count; i++)
        {
            await _after.NextAsync();
        }

        await taken.StopAsync().WaitAsync(Deadline.Default);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void Inherit_WhatDoesNotListen_ThrowsAndClosesIt()
    {
        using var loops = new LoopFixture();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var handle = new SafeFileHandle(Interop.DescriptorCalls.Duplicate((int)socket.Handle), ownsHandle: true);
        var exception = Assert.Throws<ArgumentException>(() => loops.Group.Inherit([handle]));
        Assert.Contains("no socket that listens", exception.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => loops.Group.Inherit([]));
    }

    private static async Task AssertAllArriveAsync(AcceptProbe probe, ClientSet clients)
    {
        var arrived = new HashSet<int>();
        for (var i = 0; i < clients.Sockets.Count; i++)
        {
            arrived.Add((await probe.NextAsync()).RemotePort);
        }

        Assert.Equal(clients.Sockets.Select(static socket => ((IPEndPoint)socket.LocalEndPoint!).Port).Order(), arrived.Order());
    }
}
