using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Yarp.Splice.Relay.Sockmap;

namespace Faults.Tests;

/// <summary>What a program opens at its start, where any call may fail: it works, or it says why not; and nothing is left behind.</summary>
public class StartFaultTests
{
    private const int Starts = 100;

    public static TheoryData<ulong> EachSeed() => [.. Seeds.All];

    [RequiresProgramTheory("clang-19")]
    [MemberData(nameof(EachSeed))]
    public async Task Event_loops_and_listeners_start_or_say_why_not(ulong seed)
    {
        await StartAndServeAsync();
        var before = OpenDescriptors.Of(Environment.ProcessId);
        var started = 0;
        using (var faults = new InjectedFaults(seed))
        {
            for (var i = 0; i < Starts; i++)
            {
                try
                {
                    await StartAndServeAsync();
                    started++;
                }
                catch (SocketException exception)
                {
                    Assert.Matches(@"[a-z0-9_]+(\(.+\))? failed for .+: .+ \(errno \d+\)", exception.Message);
                }
            }

            faults.EndAndAssertSome("epoll_create1", "eventfd", "socket", "setsockopt", "epoll_ctl");
        }

        Assert.InRange(started, 1, Starts - 1);
        await before.WaitForNoMoreAsync(KeptDescriptors.ByKind);
    }

    [RequiresProgramTheory("clang-19")]
    [MemberData(nameof(EachSeed))]
    public async Task Sockmap_mode_is_loaded_or_says_why_not(ulong seed)
    {
        SockmapSupport.Load(eventLoops: 2).Program?.Dispose();
        var before = OpenDescriptors.Of(Environment.ProcessId);
        var reasons = new HashSet<string>();
        using (var faults = new InjectedFaults(seed))
        {
            for (var i = 0; i < Starts; i++)
            {
                var support = SockmapSupport.Load(eventLoops: 2);
                Assert.True(support.Program is not null || support.Reason is not null);
                support.Program?.Dispose();
                if (support.Reason is not null)
                {
                    reasons.Add(support.Reason);
                }
            }

            if (RequiresBpfFactAttribute.MissingReason() is null)
            {
                faults.EndAndAssertSome("bpf(BPF_MAP_CREATE)", "bpf(BPF_PROG_LOAD)", "bpf(BPF_MAP_UPDATE_ELEM)", "mmap");
                Assert.Contains(reasons, static reason => reason.StartsWith("creating the map", StringComparison.Ordinal));
            }
        }

        await before.WaitForNoMoreAsync(KeptDescriptors.ByKind);
    }

    /// <summary>Two loops, a listener on both of them, and a connection to it.</summary>
    private static async Task StartAndServeAsync()
    {
        using var loops = new EventLoopGroup(Options.Create(new LinuxTransportOptions { ThreadCount = 2 }), NullLoggerFactory.Instance);
        var accepted = new AcceptedOne();
        var listener = loops.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        try
        {
            using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            // Closed by the one who accepted it, or reset because it could not be accepted.
            try
            {
                await client.ConnectAsync(listener.EndPoint);
                Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
            }
        }
        finally
        {
            await listener.StopAsync().WaitAsync(Deadline.Default);
        }
    }

    private sealed class AcceptedOne : IAcceptHandler
    {
        public void OnAccepted(in AcceptedSocket socket) => new Socket(new SafeSocketHandle(socket.Descriptor, ownsHandle: true)).Dispose();
    }
}
