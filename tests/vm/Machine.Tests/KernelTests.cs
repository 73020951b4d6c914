using Yarp.Splice.Relay.Sockmap;

namespace Machine.Tests;

/// <summary>Distribution kernels, whose release says less than they are.</summary>
public class KernelTests
{
    [Fact]
    public void Gate_KernelOfADistribution_IsTakenForWhatItIs()
    {
        var running = KernelRelease.Running();
        Assert.True(running.Build > 0, $"{running} of {Environment.OSVersion.Version} is no release of a long-term series");
        Assert.Null(KernelGate.Refusal());
    }

    [Fact]
    public void Sockmap_WithEveryCapability_IsExact()
    {
        var support = SockmapSupport.Load(eventLoops: 2);
        Assert.True(support.Program is not null, support.Reason);
        using (support.Program)
        {
            Assert.Equal(SockmapForm.Exact, support.Program.Form);
        }
    }
}
