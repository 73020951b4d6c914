namespace Yarp.Splice.Routing;

/// <summary>The application protocols (ALPN, RFC 7301) that a route takes. Immutable; equal if it holds the same ones.</summary>
internal sealed class ApplicationProtocols : IEquatable<ApplicationProtocols>
{
    private readonly SortedSet<string> _names;

    /// <param name="names">Compared byte by byte, as clients send them.</param>
    public ApplicationProtocols(IEnumerable<string> names) => _names = new SortedSet<string>(names, StringComparer.Ordinal);

    public IReadOnlyCollection<string> Names => _names;

    public bool Overlap(ApplicationProtocols other) => _names.Overlaps(other._names);

    public bool Equals(ApplicationProtocols? other) => other is not null && _names.SetEquals(other._names);

    public override bool Equals(object? obj) => Equals(obj as ApplicationProtocols);

    public override int GetHashCode() => HashCode.Combine(_names.Count, _names.Min);

    public override string ToString() => string.Join(", ", _names);
}
