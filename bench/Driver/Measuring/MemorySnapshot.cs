using Bench.Driver.Processes;

namespace Bench.Driver.Measuring;

/// <summary>Where memory is at one moment.</summary>
internal sealed record MemorySnapshot(long Process, long Slab, long TcpBuffers, long Available)
{
    public static MemorySnapshot Take(ServerProcess? server) => new(
        server is null ? 0 : ProcessTree.AnonymousBytes(server.Members), Machine.SlabBytes(), Machine.TcpBufferBytes(), Machine.MemAvailableBytes());

    /// <summary>What was added since <paramref name="before"/>, for each connection.</summary>
    public Sample Since(MemorySnapshot before, int connections, bool withProcess)
    {
        var sample = new Sample
        {
            [Metric.SlabPerConnection.Key] = (double)(Slab - before.Slab) / connections,
            [Metric.TcpPerConnection.Key] = (double)(TcpBuffers - before.TcpBuffers) / connections,
            [Metric.AvailablePerConnection.Key] = (double)(before.Available - Available) / connections,
        };
        // What somebody answers for. Pages in pipes are in none of these, only in MemAvailable.
        sample[Metric.AccountedPerConnection.Key] =
            (double)(Slab - before.Slab + TcpBuffers - before.TcpBuffers + Process - before.Process) / connections;
        if (withProcess)
        {
            sample[Metric.ProcessPerConnection.Key] = (double)(Process - before.Process) / connections;
        }

        return sample;
    }
}
