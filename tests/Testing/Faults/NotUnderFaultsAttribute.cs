using Xunit.Sdk;

namespace Testing.Faults;

/// <summary>A test that tests/faults.sh leaves out, because it asserts the very thing that a fault changes.</summary>
/// <param name="reason">What that is.</param>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class)]
[TraitDiscoverer("Testing.Faults.NotUnderFaultsDiscoverer", "Testing")]
public sealed class NotUnderFaultsAttribute(string reason) : Attribute, ITraitAttribute
{
    public string Reason { get; } = reason;
}
