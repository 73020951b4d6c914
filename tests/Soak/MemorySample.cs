namespace Soak;

/// <summary>Where memory is at one moment. Kernel memory is the whole machine's.</summary>
/// <param name="Minutes">Since the load began.</param>
/// <param name="Resident">Bytes of the gateway in memory.</param>
/// <param name="Heap">Bytes of its managed heap that are alive.</param>
/// <param name="Descriptors">Its open descriptors.</param>
/// <param name="Slab">Bytes of the kernel's slab.</param>
/// <param name="TcpBuffers">Bytes in TCP's buffers.</param>
internal readonly record struct MemorySample(double Minutes, double Resident, double Heap, double Descriptors, double Slab, double TcpBuffers);
