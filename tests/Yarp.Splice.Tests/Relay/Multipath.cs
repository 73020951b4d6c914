namespace Yarp.Splice.Tests.Relay;

/// <summary>Whether the kernel has Multipath TCP.</summary>
internal static class Multipath
{
    private const string Switch = "/proc/sys/net/mptcp/enabled";

    public static string? MissingReason() =>
        File.Exists(Switch) && File.ReadAllText(Switch).Trim() == "1" ? null : $"{Switch} is not 1";
}
