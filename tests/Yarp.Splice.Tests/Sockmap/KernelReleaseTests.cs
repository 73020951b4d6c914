using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>Which release of kernel.org a kernel is, by what distributions say.</summary>
public class KernelReleaseTests
{
    [Theory]
    [InlineData("6.1.0", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-10-09)", null, "6.1.192")]
    [InlineData("6.12.117", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1~deb12u1 (2026-10-20)", null, "6.12.117")]
    [InlineData("6.8.0", "#45~22.04.1-Ubuntu SMP PREEMPT_DYNAMIC Wed Jul 17", "Ubuntu 6.8.0-45.45~22.04.1-generic 6.8.12\n", "6.8.12")]
    [InlineData("6.18.44", "#1 SMP PREEMPT_DYNAMIC @0", null, "6.18.44")]
    [InlineData("5.14.0", "#1 SMP PREEMPT_DYNAMIC Wed Nov 1 22:02:47 UTC 2023", null, "5.14.0")]
    [InlineData("6.1.0", "#1 SMP Debian 5.10.9-1", "Ubuntu 5.15.0-1 5.15.9", "6.1.0")]
    [InlineData("6.1.0", "#1 SMP Debian 6.1.99999999999-1", "Ubuntu", "6.1.0")]
    [InlineData("6.1.7", null, null, "6.1.7")]
    public void Of_WhatKernelsSay_IsTheReleaseOfKernelOrg(string release, string? version, string? signature, string expected) =>
        Assert.Equal(Version.Parse(expected), KernelRelease.Of(Version.Parse(release), version, signature));
}
