using System.Reflection;
using Xunit.Sdk;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Every mode, also the ones that fall back: their users must get the same behaviour.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CombinedModesAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => Enum.GetValues<SpliceMode>().Select(static mode => new object[] { mode });
}
