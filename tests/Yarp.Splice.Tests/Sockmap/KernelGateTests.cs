using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>Which kernels are used.</summary>
public class KernelGateTests
{
    [Theory]
    [InlineData("6.1.142")]
    [InlineData("6.1.170")]
    [InlineData("6.6.94")]
    [InlineData("6.12.34")]
    [InlineData("6.15.3")]
    [InlineData("6.16")]
    [InlineData("6.18.44.0")]
    [InlineData("7.0")]
    public void Refusal_SoundKernel_IsNull(string version) => Assert.Null(KernelGate.Refusal(Version.Parse(version)));

    [Theory]
    [InlineData("5.10.200")]
    [InlineData("5.15.200")]
    [InlineData("6.0.19")]
    [InlineData("6.1.141")]
    [InlineData("6.2.16")]
    [InlineData("6.6.93")]
    [InlineData("6.8.12")]
    [InlineData("6.12.33")]
    [InlineData("6.14.11")]
    [InlineData("6.15.2")]
    public void Refusal_OtherKernel_NamesItAndWhatIsAccepted(string version)
    {
        var refusal = KernelGate.Refusal(Version.Parse(version));
        Assert.Contains(version, refusal, StringComparison.Ordinal);
        Assert.Contains("6.12.34", refusal, StringComparison.Ordinal);
    }
}
