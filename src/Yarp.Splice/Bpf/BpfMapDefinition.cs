using System.Runtime.InteropServices;

namespace Yarp.Splice.Bpf;

/// <summary>A map as the object file defines it (<c>struct map_definition</c>), and as the first members of bpf(2)'s attribute take it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct BpfMapDefinition(uint Type, uint KeySize, uint ValueSize, uint MaxEntries, uint Flags);
