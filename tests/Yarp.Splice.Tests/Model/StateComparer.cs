using System.Runtime.InteropServices;

namespace Yarp.Splice.Tests.Model;

/// <summary>Compares states by their bytes.</summary>
internal sealed class StateComparer<TState> : IEqualityComparer<TState>
    where TState : unmanaged
{
    public bool Equals(TState first, TState second) => AreSame(first, second);

    public int GetHashCode(TState state) => Hash(state);

    public static bool AreSame(in TState first, in TState second) => BytesOf(first).SequenceEqual(BytesOf(second));

    public static int Hash(in TState state)
    {
        var hash = 0xcbf29ce484222325;
        var bytes = BytesOf(state);
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
        {
            hash = (hash ^ word) * 0x9e3779b97f4a7c15;
            hash ^= hash >> 29;
        }

        foreach (var rest in bytes[(words.Length * sizeof(ulong))..])
        {
            hash = (hash ^ rest) * 0x100000001b3;
        }

        return (int)(hash ^ (hash >> 32)) & int.MaxValue;
    }

    private static ReadOnlySpan<byte> BytesOf(in TState state) => MemoryMarshal.AsBytes(new ReadOnlySpan<TState>(in state));
}
