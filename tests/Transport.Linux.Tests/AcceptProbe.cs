using System.Collections.Concurrent;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>Keeps accepted descriptors open for a test to look at, in the order of their arrival, with the loop that accepted each.</summary>
internal sealed class AcceptProbe : IAcceptHandler, IDisposable
{
    private readonly ConcurrentQueue<(int Descriptor, int Loop, int RemotePort)> _arrived = new();
    private readonly ConcurrentBag<int> _descriptors = [];
    private readonly SemaphoreSlim _signal = new(0);

    public void OnAccepted(in AcceptedSocket socket)
    {
        _descriptors.Add(socket.Descriptor);
        var port = socket.GetRemoteEndPoint() is System.Net.IPEndPoint remote ? remote.Port : 0;
        _arrived.Enqueue((socket.Descriptor, socket.Loop.Index, port));
        _signal.Release();
    }

    public async Task<(int Descriptor, int Loop, int RemotePort)> NextAsync()
    {
        Assert.True(await _signal.WaitAsync(Deadline.Default), "no connection was accepted");
        Assert.True(_arrived.TryDequeue(out var accepted));
        return accepted;
    }

    public void Dispose()
    {
        foreach (var descriptor in _descriptors)
        {
            _ = SocketCalls.Close(descriptor);
        }

        _signal.Dispose();
    }
}
