using Yarp.Splice.Bpf;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>A fact that is skipped, with the reason, where eBPF programs can't be loaded.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresBpfFactAttribute : FactAttribute
{
    public RequiresBpfFactAttribute() => Skip = MissingReason();

    public static string? MissingReason() =>
        Capabilities.MissingForSockmap() is { Length: > 0 } missing ? $"the process lacks {missing}" : KernelGate.Refusal();
}
