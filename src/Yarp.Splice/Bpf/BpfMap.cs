using Transport.Linux.Interop;

namespace Yarp.Splice.Bpf;

/// <summary>A map in the kernel, and its descriptor.</summary>
internal sealed unsafe class BpfMap : IDisposable
{
    /// <param name="name">Its name, at most 15 characters.</param>
    /// <param name="definition">Its type and sizes.</param>
    /// <param name="inner">For a map of maps: one of the kind that it will hold.</param>
    /// <exception cref="BpfException">The kernel refused.</exception>
    public BpfMap(string name, BpfMapDefinition definition, BpfMap? inner = null)
    {
        Definition = definition;
        Descriptor = BpfCalls.CreateMap(name, definition, inner?.Descriptor ?? 0);
        if (Descriptor < 0)
        {
            throw BpfException.From($"creating the map {name}", -Descriptor);
        }
    }

    public int Descriptor { get; }

    public BpfMapDefinition Definition { get; }

    /// <summary>Sets the value of a key; zero, or the negative error number.</summary>
    public int Update<TKey, TValue>(TKey key, TValue value)
        where TKey : unmanaged
        where TValue : unmanaged => BpfCalls.UpdateElement(Descriptor, &key, &value);

    /// <summary>Removes a key; zero, or the negative error number.</summary>
    public int Delete<TKey>(TKey key)
        where TKey : unmanaged => BpfCalls.DeleteElement(Descriptor, &key);

    public void Dispose() => _ = SocketCalls.Close(Descriptor);
}
