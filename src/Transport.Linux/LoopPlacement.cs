namespace Transport.Linux;

/// <summary>Where one event loop runs, and where its buffers come from.</summary>
/// <param name="Index">The loop's number, as in the metrics and the log.</param>
/// <param name="Cpu">The CPU that its thread is pinned to, or <see langword="null"/> if it runs wherever the kernel puts it.</param>
/// <param name="Node">The memory node of that CPU, or <see langword="null"/> if it is not known.</param>
/// <param name="BufferNode">The memory node that its buffers come from, or <see langword="null"/> if they come from Kestrel's own memory pool.</param>
public sealed record LoopPlacement(int Index, int? Cpu, int? Node, int? BufferNode);
