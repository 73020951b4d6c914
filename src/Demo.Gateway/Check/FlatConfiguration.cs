using Microsoft.Extensions.Configuration.Memory;

namespace Demo.Gateway.Check;

/// <summary>All keys and values of a configuration, from which some can be left out. Immutable.</summary>
internal sealed class FlatConfiguration
{
    private readonly IReadOnlyDictionary<string, string?> _values;

    private FlatConfiguration(IReadOnlyDictionary<string, string?> values) => _values = values;

    public IEnumerable<KeyValuePair<string, string?>> Values => _values;

    public static FlatConfiguration Of(IConfiguration configuration) => new(new Dictionary<string, string?>(configuration.AsEnumerable(), StringComparer.OrdinalIgnoreCase));

    public bool Contains(string key) => _values.ContainsKey(key);

    public IConfigurationRoot Build() => new ConfigurationBuilder().Add(new MemoryConfigurationSource { InitialData = _values }).Build();

    /// <summary>The same without some keys and everything below them.</summary>
    public FlatConfiguration Without(IReadOnlyCollection<string> keys) => Where(key => !keys.Any(left => IsAtOrBelow(key, left)));

    public FlatConfiguration Where(Func<string, bool> isWanted) =>
        new(_values.Where(pair => isWanted(pair.Key)).ToDictionary(static pair => pair.Key, static pair => pair.Value, StringComparer.OrdinalIgnoreCase));

    /// <summary>The same with one value more, or another.</summary>
    public FlatConfiguration With(string key, string value) => new(new Dictionary<string, string?>(_values, StringComparer.OrdinalIgnoreCase) { [key] = value });

    public static bool IsAtOrBelow(string key, string ancestor) =>
        key.StartsWith(ancestor, StringComparison.OrdinalIgnoreCase) && (key.Length == ancestor.Length || key[ancestor.Length] == ':');
}
