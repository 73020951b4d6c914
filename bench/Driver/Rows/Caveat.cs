namespace Bench.Driver.Rows;

/// <summary>What holds for many rows.</summary>
internal static class Caveat
{
    public const string Loopback =
        "Loopback: no network card, no interrupts, no loss, no latency of a wire; segments are up to 64 KiB. Offloads and steering of a real card are not in it.";

    public const string SharedCpus =
        "Load generator, server and upstream share the machine's CPUs. Requests per second depend on what the load generator leaves over; CPU per request depends on it less.";

    public const string KernelThreads =
        "Server CPU is the CPU time of the server's processes. What the kernel does for it in softirqs of others or in kernel threads shows in the machine's busy time only.";

    public const string Fallback =
        "A gateway mode that the machine cannot run falls back to another. The gateway logs it as a warning, and the warning stands below the table.";
}
