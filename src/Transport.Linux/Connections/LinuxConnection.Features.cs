using System.Buffers;
using System.Collections;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Transport.Linux.Files;

namespace Transport.Linux.Connections;

/// <content>
/// The connection is its own feature collection: the features of the transport cost no object, and what Kestrel and middleware add goes into
/// a short list.
/// </content>
internal sealed partial class LinuxConnection :
    IFeatureCollection,
    IConnectionIdFeature,
    IConnectionTransportFeature,
    IConnectionItemsFeature,
    IMemoryPoolFeature,
    IConnectionLifetimeFeature,
    IConnectionEndPointFeature,
    IConnectionSocketFeature
{
    private readonly List<KeyValuePair<Type, object?>> _added = new(8);
    private IDictionary<object, object?>? _items;
    private Socket? _socket;
    private int _featureRevision;

    public override IFeatureCollection Features => this;

    public override IDictionary<object, object?> Items
    {
        get => _items ??= new Dictionary<object, object?>();
        set => _items = value;
    }

    MemoryPool<byte> IMemoryPoolFeature.MemoryPool => MemoryPool;

    /// <summary>A view of the descriptor for code that sets options or asks for names. It does not own it.</summary>
    Socket IConnectionSocketFeature.Socket => _socket ??= new Socket(new SafeSocketHandle(_descriptor, ownsHandle: false));

    bool IFeatureCollection.IsReadOnly => false;

    int IFeatureCollection.Revision => _featureRevision;

    object? IFeatureCollection.this[Type key]
    {
        get => GetFeature(key);
        set => SetFeature(key, value);
    }

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default => (TFeature?)GetFeature(typeof(TFeature));

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default => SetFeature(typeof(TFeature), instance);

    IEnumerator<KeyValuePair<Type, object>> IEnumerable<KeyValuePair<Type, object>>.GetEnumerator()
    {
        foreach (var type in s_ownFeatures)
        {
            if (IndexOfAdded(type) < 0)
            {
                yield return new KeyValuePair<Type, object>(type, this);
            }
        }

        foreach (var (type, feature) in _added)
        {
            if (feature is not null)
            {
                yield return new KeyValuePair<Type, object>(type, feature);
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable<KeyValuePair<Type, object>>)this).GetEnumerator();

    private static readonly Type[] s_ownFeatures =
    [
        typeof(IConnectionIdFeature), typeof(IConnectionTransportFeature), typeof(IConnectionItemsFeature), typeof(IMemoryPoolFeature),
        typeof(IConnectionLifetimeFeature), typeof(IConnectionEndPointFeature), typeof(IConnectionSocketFeature),
        typeof(IConnectionDetachFeature), typeof(IFileSendFeature),
    ];

    private object? GetFeature(Type type)
    {
        var index = IndexOfAdded(type);
        if (index >= 0)
        {
            return _added[index].Value;
        }

        return Array.IndexOf(s_ownFeatures, type) >= 0 ? this : null;
    }

    private void SetFeature(Type type, object? feature)
    {
        _featureRevision++;
        // A null entry hides a feature of the connection's own.
        var entry = new KeyValuePair<Type, object?>(type, feature);
        var index = IndexOfAdded(type);
        if (index >= 0)
        {
            _added[index] = entry;
        }
        else
        {
            _added.Add(entry);
        }
    }

    private int IndexOfAdded(Type type)
    {
        for (var i = 0; i < _added.Count; i++)
        {
            if (_added[i].Key == type)
            {
                return i;
            }
        }

        return -1;
    }
}
