using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>A theory that needs mbind(2), which kernels without NUMA lack and container runtimes forbid; skipped without it.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed unsafe class RequiresMbindTheoryAttribute : TheoryAttribute
{
    public RequiresMbindTheoryAttribute()
    {
        var page = MemoryCalls.Map(4096);
        var result = MemoryCalls.SetPolicy(page, 4096, MemoryCalls.MPOL_BIND, 0);
        MemoryCalls.Unmap(page, 4096);
        if (result < 0 || !File.Exists("/proc/self/numa_maps"))
        {
            Skip = $"needs mbind and /proc/self/numa_maps; mbind said {Errno.Describe(-result)}";
        }
    }
}
