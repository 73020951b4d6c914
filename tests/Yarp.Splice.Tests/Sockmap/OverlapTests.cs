using System.Net;
using System.Net.Sockets;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>
/// TCP segments that overlap what came before. The kernel's own recv skips the overlap, and the verdict must too. The peer speaks TCP in
/// user space, because no kernel sends such segments on demand.
/// </summary>
public class OverlapTests
{
    private static readonly TimeSpan s_patience = Testing.Deadline.OnThisMachine(TimeSpan.FromSeconds(20));

    [RequiresTunTheory]
    [InlineData("Copy", "0-1000 500-1500 1500-2000", 0)]
    [InlineData("Exact", "0-1000 1000-1500 1500-2000", 0)]
    [InlineData("Exact", "0-1000 500-1500 1500-2000", 1)]
    [InlineData("Credit", "0-1000 500-1500 1500-2000", 1)]
    [InlineData("Exact", "0-1000 2000-3000 1000-2500 3000-3001", 1)]
    [InlineData("Credit", "0-1000 2000-3000 1000-2500 3000-3001", 1)]
    // More than one step of the trimming.
    [InlineData("Exact", "0-10000 1000-12000 12000-12001", 1)]
    [InlineData("Credit", "0-10000 1-14000 13999-14001", 2)]
    [InlineData("Exact", "0-1000 1250-1350 1350-1450 1450-1550 1550-1650 1650-1750 1750-1850 1850-1950 1000-1700 1950-2000", 1)]
    public void OverlappingSegments_ArriveOnce(string form, string segments, int overlaps)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Run(form, [.. segments.Split(' ').Select(static segment => segment.Split('-').Select(int.Parse).ToArray())], overlaps);
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        Assert.True(thread.Join(s_patience), "no end");
        Assert.True(failure is null, $"{failure}");
    }

    /// <summary>On a thread of its own, which changes its network namespace.</summary>
    private static void Run(string form, int[][] segments, int overlaps)
    {
        using var device = TunPeer.EnterNamespace();
        using var listener = Listen(TunPeer.Address);
        using var peer = TunPeer.Connect(device, ((IPEndPoint)listener.LocalEndPoint!).Port);
        using var client = listener.Accept();
        using var upstreamListener = Listen(IPAddress.Loopback);
        using var upstreamSide = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        upstreamSide.Connect(upstreamListener.LocalEndPoint!);
        using var upstream = upstreamListener.Accept();

        using var program = Enum.TryParse<SockmapForm>(form, out var parsed) ? new SockmapProgram(parsed, eventLoops: 1) : null;
        SockmapDirection? up = null;
        if (program is not null)
        {
            Assert.Equal(0, program.Arm((int)client.Handle, (int)upstreamSide.Handle, owner: 0, out up, out _, out _));
        }

        Array.ForEach(segments, segment => peer.SendSegment(segment[0], segment[1]));
        var received = new byte[segments.Max(static segment => segment[1])];
        // In Copy the relay would receive here.
        var reader = program is null ? client : upstream;
        reader.ReceiveTimeout = (int)s_patience.TotalMilliseconds / 2;
        for (var at = 0; at < received.Length;)
        {
            at += reader.Receive(received.AsSpan(at));
        }

        Assert.Equal([.. Enumerable.Range(0, received.Length).Select(TunPeer.ByteAt)], received);
        Assert.Equal(0, reader.Available);
        Assert.Equal((uint)overlaps, up?.Overlaps ?? 0);
        Assert.Equal(SockmapFailure.None, up?.Failure ?? SockmapFailure.None);
        Assert.Equal(received.Length, up?.Moved ?? received.Length);
    }

    private static Socket Listen(IPAddress address)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(address, 0));
        listener.Listen(1);
        return listener;
    }
}
