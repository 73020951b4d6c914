using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Yarp.Splice.Routing;

/// <summary>The host part of <c>Match.Hosts</c>: which TLS server names a route takes.</summary>
/// <param name="Name">A name as clients send it (lower case, in ASCII), or the part after <c>*.</c>; empty for <see cref="Any"/>.</param>
/// <param name="IsWildcard">Whether it stands for all names below <paramref name="Name"/>, of any depth, but not for that name itself.</param>
internal readonly record struct ServerNamePattern(string Name, bool IsWildcard)
{
    /// <summary>Every connection, whether it has a name or not.</summary>
    public static ServerNamePattern Any { get; } = new("", IsWildcard: true);

    private const int MaxLength = 253;
    private const int MaxLabel = 63;

    private static readonly IdnMapping s_idn = new() { AllowUnassigned = false, UseStd3AsciiRules = false };

    public bool IsAny => Name.Length == 0;

    /// <summary>Reads <c>*</c>, a name, or <c>*.</c> and a name.</summary>
    /// <param name="host">What stands before the port.</param>
    /// <param name="pattern">The pattern.</param>
    /// <param name="error">What is wrong, as the end of a sentence that began with the host.</param>
    public static bool TryParse(string host, out ServerNamePattern pattern, [NotNullWhen(false)] out string? error)
    {
        pattern = Any;
        error = null;
        if (host == "*")
        {
            return true;
        }

        var isWildcard = host.StartsWith("*.", StringComparison.Ordinal);
        var name = (isWildcard ? host[2..] : host).TrimEnd('.');
        if (host.StartsWith('[') || IPAddress.TryParse(host, out _))
        {
            error = "is an address, which clients do not send as a TLS server name (RFC 6066)";
        }
        else if (name.Contains("xn--", StringComparison.OrdinalIgnoreCase))
        {
            error = "is in the ASCII form of an internationalised name, which YARP does not take; accepted is its Unicode form";
        }
        else if (!TryEncode(name, out name) || !IsName(name))
        {
            error = "is no DNS name";
        }

        pattern = new ServerNamePattern(name, isWildcard);
        return error is null;
    }

    public override string ToString() => IsAny ? "*" : IsWildcard ? $"*.{Name}" : Name;

    private static bool TryEncode(string name, out string encoded)
    {
        try
        {
            encoded = s_idn.GetAscii(name).ToLowerInvariant();
            return true;
        }
        catch (ArgumentException)
        {
            // There is no way to ask without an exception.
            encoded = name;
            return false;
        }
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= MaxLength &&
        name.Split('.').All(static label => label.Length is > 0 and <= MaxLabel) &&
        name.All(static character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_');
}
