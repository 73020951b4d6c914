using Xunit.Abstractions;
using Xunit.Sdk;

namespace Testing.Faults;

/// <summary>Makes the attribute visible to filters: <c>Faults!=no</c>.</summary>
public sealed class NotUnderFaultsDiscoverer : ITraitDiscoverer
{
    public IEnumerable<KeyValuePair<string, string>> GetTraits(IAttributeInfo traitAttribute) => [new("Faults", "no")];
}
