using System.Net;

namespace Yarp.Splice.Sources;

/// <summary>Which clients a route takes, by their address. What is denied is denied, whatever is allowed.</summary>
/// <param name="Allowed">The only ones that are taken; <see langword="null"/> for all.</param>
/// <param name="Denied">The ones that are not taken; <see langword="null"/> for none.</param>
internal sealed record SourceRules(AddressSet? Allowed, AddressSet? Denied)
{
    /// <summary>A client without an IP address is in no list: it is taken unless there is a list of allowed ones.</summary>
    public bool Admit(EndPoint? client) => Allowed?.Contains(client) != false && Denied?.Contains(client) != true;
}
