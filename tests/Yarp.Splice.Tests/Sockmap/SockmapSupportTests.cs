using System.Diagnostics;
using Yarp.Splice.Bpf;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>Loading, and proving at start that it works.</summary>
public class SockmapSupportTests
{
    private static readonly TimeSpan s_quick = TimeSpan.FromMilliseconds(400);

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public void Load_EachForm_PassesTheProbeQuickly(string form)
    {
        var times = new List<TimeSpan>();
        // Other tests keep the machine busy; it needs to be quick only once.
        for (var i = 0; i < 10 && (i == 0 || times.Min() >= s_quick); i++)
        {
            var started = Stopwatch.GetTimestamp();
            var support = SockmapSupport.Load(Enum.Parse<SockmapForm>(form), eventLoops: 2, null);
            times.Add(Stopwatch.GetElapsedTime(started));
            Assert.True(support.Program is not null, support.Reason);
            Assert.Equal(form, support.Program.Form.ToString());
            support.Program.Dispose();
        }

        Assert.True(times.Min() < s_quick, $"took {string.Join(", ", times)}");
    }

    [RequiresBpfFact]
    public void Load_WithEveryCapability_IsExact()
    {
        var support = SockmapSupport.Load(eventLoops: 1);
        Assert.True(support.Program is not null, support.Reason);
        using (support.Program)
        {
            Assert.Equal(SockmapForm.Exact, support.Program.Form);
            Assert.Null(support.Reason);
        }
    }

    [RequiresBpfFact]
    public void Load_WithoutPerfmon_IsCreditAndSaysWhy()
    {
        var support = ReducedCapabilities.Run(
            static () => SockmapSupport.Load(eventLoops: 1), ReducedCapabilities.Perfmon, ReducedCapabilities.SysAdmin);
        Assert.True(support.Program is not null, support.Reason);
        using (support.Program)
        {
            Assert.Equal(SockmapForm.Credit, support.Program.Form);
            Assert.Contains("CAP_PERFMON", support.Reason, StringComparison.Ordinal);
        }
    }

    [RequiresBpfTheory]
    [InlineData(ReducedCapabilities.Bpf, "CAP_BPF")]
    [InlineData(ReducedCapabilities.NetAdmin, "CAP_NET_ADMIN")]
    public void Load_WithoutANeededCapability_SaysWhich(int capability, string name)
    {
        var support = ReducedCapabilities.Run(static () => SockmapSupport.Load(eventLoops: 1), capability, ReducedCapabilities.SysAdmin);
        Assert.Null(support.Program);
        Assert.Contains($"the process lacks {name}", support.Reason, StringComparison.Ordinal);
    }

    [RequiresBpfFact]
    public void LoadVerdict_RefusedByTheVerifier_GivesItsLog()
    {
        // "exit" without a result in r0.
        var log = new byte[4096];
        Assert.True(BpfCalls.LoadVerdict("bad", [0x95, 0, 0, 0, 0, 0, 0, 0], "GPL", log) < 0);
        Assert.Contains("R0 !read_ok", System.Text.Encoding.ASCII.GetString(log), StringComparison.Ordinal);
    }

    [RequiresBpfFact]
    public void Load_ManyTimes_LeavesNoDescriptorBehind()
    {
        // Other tests of the process open and close descriptors meanwhile.
        var before = Directory.GetFiles("/proc/self/fd").Length;
        for (var i = 0; i < 20; i++)
        {
            var support = SockmapSupport.Load(SockmapForm.Credit, eventLoops: 4, null);
            Assert.True(support.Program is not null, support.Reason);
            support.Program.Dispose();
        }

        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length - before, -1000, 150);
    }
}
