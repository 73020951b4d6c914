using Transport.Linux;
using Transport.Linux.Descriptors;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Relay;

/// <summary>What the sessions of one event loop share. Used on that loop's thread only.</summary>
internal sealed class RelayWorker(EventLoop loop, SessionSet sessions, CounterSet counters)
{
    /// <summary>
    /// Room for a read of the copy path. A read that fills it is a sign of bulk; 64 KiB stays in the second-level cache between
    /// recv and send.
    /// </summary>
    public const int BufferSize = 64 * 1024;

    public EventLoop Loop => loop;

    /// <summary>The one buffer of the copy path: bytes stay in it only within one call.</summary>
    public byte[] Buffer { get; } = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);

    public PipePool Pipes { get; } = new();

    /// <summary>What connections and pipes of this loop leave to the rest of the process.</summary>
    public DescriptorReserve Descriptors => Pipes.Reserve;

    /// <summary>The directions of this loop that wait for the kernel to have memory again.</summary>
    public MemoryRetries Memory { get; } = new(loop);

    /// <summary>The armed directions of this loop; <see langword="null"/> where Sockmap mode is not available, or not asked for yet.</summary>
    public SockmapEvents? Armed { get; set; }

    /// <summary>The sessions that live on this loop, for the end of the drain.</summary>
    public SessionSet Sessions => sessions;

    public CounterSet Counters => counters;
}
