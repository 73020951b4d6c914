using System.Runtime.InteropServices;

namespace Bench.Driver.Processes;

/// <summary>kill(2), for what <see cref="System.Diagnostics.Process"/> cannot send.</summary>
internal static partial class Signals
{
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    public static void Send(IEnumerable<int> processes, int signal)
    {
        foreach (var process in processes)
        {
            // A process that ended in the meantime is what the signal would have led to anyway.
            _ = SendSignal(process, signal);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
