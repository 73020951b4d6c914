namespace Transport.Linux;

/// <summary>A memory node of the machine (numa(7)).</summary>
/// <param name="Number">The kernel's number of the node.</param>
/// <param name="Cpus">The CPUs that are near it, ascending.</param>
public sealed record MemoryNode(int Number, IReadOnlyList<int> Cpus);
