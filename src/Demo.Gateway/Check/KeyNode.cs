using System.Collections.Frozen;
using System.Reflection;
using Yarp.ReverseProxy.Configuration;

namespace Demo.Gateway.Check;

/// <summary>Which keys there may be below a key.</summary>
/// <param name="Children">Known names.</param>
/// <param name="Each">What is below any other name, as in a list or a dictionary; <see langword="null"/> if other names are unknown.</param>
internal sealed record KeyNode(FrozenDictionary<string, KeyNode> Children, KeyNode? Each)
{
    /// <summary>Where every key is right, or where others say what is wrong.</summary>
    public static KeyNode Anything { get; } = new(FrozenDictionary<string, KeyNode>.Empty, null) { IsOpen = true };

    /// <summary>A value.</summary>
    public static KeyNode Leaf { get; } = Of([]);

    public bool IsOpen { get; private init; }

    public static KeyNode Of(IEnumerable<KeyValuePair<string, KeyNode>> children) => new(children.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase), null);

    public static KeyNode Named(params string[] names) => Of(names.Select(static name => KeyValuePair.Create(name, Leaf)));

    /// <summary>Any name or number, and below each the same.</summary>
    public static KeyNode ListOf(KeyNode each) => new(FrozenDictionary<string, KeyNode>.Empty, each);

    /// <summary>The same with more names, or with something else below some.</summary>
    public KeyNode With(params (string Name, KeyNode Node)[] more)
    {
        var children = new Dictionary<string, KeyNode>(Children, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, node) in more)
        {
            children[name] = node;
        }

        return Of(children);
    }

    /// <summary>The keys that bind to one of YARP's configuration types: its properties, and theirs.</summary>
    public static KeyNode Of(Type type)
    {
        if (type.IsGenericType && Nullable.GetUnderlyingType(type) is null)
        {
            // Dictionaries of texts hold whatever their reader makes of them.
            var element = type.GetGenericArguments()[^1];
            return type.GetGenericArguments().Length == 2 && element == typeof(string) ? Anything : ListOf(Of(element));
        }

        return type.IsEnum || type.Assembly != typeof(RouteConfig).Assembly
            ? Leaf
            : Of(type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(static property => KeyValuePair.Create(property.Name, Of(property.PropertyType))));
    }
}
