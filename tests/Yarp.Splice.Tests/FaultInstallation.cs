using System.Runtime.CompilerServices;
using Testing.Faults;
using Transport.Linux;

namespace Yarp.Splice.Tests;

/// <summary>Before the first test, and so before the first system call.</summary>
internal static class FaultInstallation
{
    [ModuleInitializer]
    internal static void Install() => FaultInjection.InstallIfAsked(typeof(EventLoop).Assembly, typeof(SpliceMode).Assembly);
}
