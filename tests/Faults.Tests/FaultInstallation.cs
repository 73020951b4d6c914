using System.Reflection;
using System.Runtime.CompilerServices;
using Transport.Linux;
using Yarp.Splice;

// Faults are the whole process's.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Faults.Tests;

/// <summary>Before the first test, and so before the first system call.</summary>
internal static class FaultInstallation
{
    /// <summary>The assemblies whose system calls can fail.</summary>
    public static readonly Assembly[] Assemblies = [typeof(EventLoop).Assembly, typeof(SpliceMode).Assembly];

    [ModuleInitializer]
    internal static void Install()
    {
        // Without the compiler the tests are skipped.
        if (Programs.Find("clang-19") is not null)
        {
            FaultInjection.Install(Assemblies);
        }
    }
}
