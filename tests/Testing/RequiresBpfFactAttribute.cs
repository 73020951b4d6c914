using Xunit;
using Yarp.Splice.Bpf;
using Yarp.Splice.Relay.Sockmap;

namespace Testing;

/// <summary>A fact that is skipped, with the reason, where the eBPF programs of mode Sockmap can't be loaded.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresBpfFactAttribute : FactAttribute
{
    public RequiresBpfFactAttribute() => Skip = MissingReason();

    public static string? MissingReason()
    {
        if (Capabilities.MissingForSockmap() is { Length: > 0 } missing)
        {
            return $"the process lacks {missing}";
        }

        return Capabilities.HasPerfmon() ? KernelGate.Refusal() : "the process lacks CAP_PERFMON";
    }
}
