using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Transport.Linux.Connections;
using Transport.Linux.Interop;
using Transport.Linux.Kestrel;

namespace Transport.Linux.Tests;

/// <summary>Listening with all loops on every kind of endpoint.</summary>
public class ListenerTests
{
    [Fact]
    public async Task Listen_PortZero_AllLoopsShareOneRealPortAndTheConnections()
    {
        using var loops = new LoopFixture();
        var accepted = new CollectingHandler();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        var endPoint = Assert.IsType<IPEndPoint>(listener.EndPoint);
        Assert.NotEqual(0, endPoint.Port);

        using var clients = await ClientSet.ConnectAsync(endPoint, 64);
        await accepted.WaitForAsync(64);
        // SO_REUSEPORT hashes by address and port: with 64 connections an empty loop has a chance of 2^-63.
        Assert.Equal([0, 1], accepted.Loops.Distinct().Order());
        await listener.StopAsync();
        accepted.CloseAll();
    }

    [Fact]
    public async Task Listen_AddressTaken_ThrowsAddressInUseThatNamesIt()
    {
        using var loops = new LoopFixture();
        using var others = new LoopFixture();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), new CollectingHandler());
        // Also against ourselves: both would use SO_REUSEPORT, which must not let them share by accident.
        var exception = Assert.Throws<AddressInUseException>(() => others.Group.Listen(listener.EndPoint, new CollectingHandler()));
        Assert.Contains(listener.EndPoint.ToString()!, exception.Message, StringComparison.Ordinal);
        await listener.StopAsync();
    }

    [Fact]
    public async Task Listen_AfterStop_TheAddressIsFreeAgain()
    {
        using var loops = new LoopFixture();
        var first = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), new CollectingHandler());
        await first.StopAsync();
        await first.StopAsync();
        var second = loops.Group.Listen(first.EndPoint, new CollectingHandler());
        await second.StopAsync();
    }

    [Fact]
    public void Listen_AddressOfAnotherMachine_ThrowsAnErrorThatNamesIt()
    {
        using var loops = new LoopFixture();
        var exception = Assert.Throws<SocketException>(
            () => loops.Group.Listen(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0), new CollectingHandler()));
        Assert.Equal(SocketError.AddressNotAvailable, exception.SocketErrorCode);
        Assert.Contains("192.0.2.1", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("::1", "::1")]
    [InlineData("::", "127.0.0.1")]
    [InlineData("::", "::1")]
    public async Task Listen_AddressFamilies_AreReachable(string listenOn, string connectTo)
    {
        using var loops = new LoopFixture();
        var accepted = new CollectingHandler();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Parse(listenOn), 0), accepted);
        var target = new IPEndPoint(IPAddress.Parse(connectTo), ((IPEndPoint)listener.EndPoint).Port);
        using var clients = await ClientSet.ConnectAsync(target, 1);
        await accepted.WaitForAsync(1);
        var local = Assert.IsType<IPEndPoint>(accepted.LocalEndPoints.Single());
        Assert.Equal(target.Port, local.Port);
        Assert.Equal(IPAddress.Parse(connectTo).MapToIPv6(), local.Address.MapToIPv6());
        var remote = Assert.IsType<IPEndPoint>(accepted.RemoteEndPoints.Single());
        Assert.Equal(((IPEndPoint)clients.Sockets[0].LocalEndPoint!).Port, remote.Port);
        await listener.StopAsync();
        accepted.CloseAll();
    }

    [Fact]
    public async Task Listen_UnixPath_AcceptsAndRemovesTheFileAtStop()
    {
        using var loops = new LoopFixture();
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.sock");
        var accepted = new CollectingHandler();
        var listener = loops.Group.Listen(new UnixDomainSocketEndPoint(path), accepted);
        using var clients = await ClientSet.ConnectAsync(new UnixDomainSocketEndPoint(path), 8);
        await accepted.WaitForAsync(8);
        await listener.StopAsync();
        Assert.False(File.Exists(path));
        accepted.CloseAll();
    }

    [Fact]
    public async Task Listen_AbstractUnixName_Accepts()
    {
        using var loops = new LoopFixture();
        var endPoint = new UnixDomainSocketEndPoint($"\0{Guid.NewGuid():N}");
        var accepted = new CollectingHandler();
        var listener = loops.Group.Listen(endPoint, accepted);
        using var clients = await ClientSet.ConnectAsync(endPoint, 2);
        await accepted.WaitForAsync(2);
        await listener.StopAsync();
        accepted.CloseAll();
    }

    [Fact]
    public async Task Listen_InheritedDescriptorThatOnlyIsBound_ListensAndLeavesItOpen()
    {
        using var loops = new LoopFixture();
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var accepted = new CollectingHandler();
        var listener = loops.Group.Listen(new FileHandleEndPoint((ulong)inherited.Handle, FileHandleType.Tcp), accepted);
        Assert.Equal(inherited.LocalEndPoint, listener.EndPoint);
        using var clients = await ClientSet.ConnectAsync(inherited.LocalEndPoint!, 4);
        await accepted.WaitForAsync(4);
        await listener.StopAsync();
        accepted.CloseAll();
        // Still a socket of its owner's: asking it anything would fail if it had been closed.
        Assert.Equal(0, (int)inherited.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!);
    }

    [Fact]
    public async Task Accept_EpollRefusesAConnection_ClosesItAndServesTheNext()
    {
        using var loops = new LoopFixture();
        var connections = new LinuxConnectionListener(new LinuxConnectionFactory(loops.Group, loops.Options.Value, null, sendsFiles: false, loops.Log));
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), new RefusedOnceHandler(connections));
        using var refused = await ClientSet.ConnectAsync(listener.EndPoint, 1);
        Assert.Equal(0, await refused.Sockets[0].ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        await ConnectionPair.WaitUntilAsync(() => loops.Log.Entries.Any(static entry => entry.Id == 103));

        using var next = await ClientSet.ConnectAsync(listener.EndPoint, 1);
        await next.Sockets[0].SendAsync(new byte[1]);
        var connection = await connections.AcceptAsync().AsTask().WaitAsync(Deadline.Default);
        await connection!.DisposeAsync();
        await listener.StopAsync();
    }

    [Fact]
    public async Task StopAsync_ConnectionsInTheAcceptQueues_AreAcceptedFirst()
    {
        using var loops = new LoopFixture();
        var accepted = new CollectingHandler();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        using var release = new ManualResetEventSlim();
        foreach (var loop in loops.Group.Loops)
        {
            loop.Post(_ => release.Wait(), null);
        }

        using var clients = await ClientSet.ConnectAsync(listener.EndPoint, 100);
        var stopped = listener.StopAsync();
        release.Set();
        await stopped.WaitAsync(Deadline.Default);
        await accepted.WaitForAsync(100);
        accepted.CloseAll();
    }

    /// <summary>Registers the first socket with epoll before the connection does, which epoll then refuses (EEXIST).</summary>
    private sealed class RefusedOnceHandler(IAcceptHandler handler) : IAcceptHandler, IReadinessHandler
    {
        private int _count;

        public void OnAccepted(in AcceptedSocket socket)
        {
            if (Interlocked.Increment(ref _count) == 1)
            {
                _ = socket.Loop.Register(socket.Descriptor, Readiness.Readable, this);
            }

            handler.OnAccepted(socket);
        }

        public void OnReady(Readiness readiness)
        {
        }
    }

    /// <summary>Keeps accepted descriptors and what was known of them.</summary>
    private sealed class CollectingHandler : IAcceptHandler
    {
        private readonly ConcurrentQueue<int> _descriptors = new();
        private readonly SemaphoreSlim _arrived = new(0);

        public ConcurrentQueue<int> Loops { get; } = new();

        public ConcurrentQueue<EndPoint> LocalEndPoints { get; } = new();

        public ConcurrentQueue<EndPoint> RemoteEndPoints { get; } = new();

        public void OnAccepted(in AcceptedSocket socket)
        {
            Loops.Enqueue(socket.Loop.Index);
            LocalEndPoints.Enqueue(socket.GetLocalEndPoint());
            RemoteEndPoints.Enqueue(socket.GetRemoteEndPoint());
            _descriptors.Enqueue(socket.Descriptor);
            _arrived.Release();
        }

        public async Task WaitForAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                Assert.True(await _arrived.WaitAsync(Deadline.Default), $"only {i} of {count} connections were accepted");
            }
        }

        public void CloseAll()
        {
            while (_descriptors.TryDequeue(out var descriptor))
            {
                Assert.Equal(0, SocketCalls.Close(descriptor));
            }
        }
    }
}
