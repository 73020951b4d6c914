using System.Diagnostics;

namespace Bench.Driver.Processes;

/// <summary>What has to be ended when the run is interrupted.</summary>
internal static class RunningProcesses
{
    private static readonly Lock s_gate = new();
    private static readonly List<int> s_processes = [];

    public static void Add(Process process)
    {
        lock (s_gate)
        {
            s_processes.Add(process.Id);
        }
    }

    public static void Remove(Process process)
    {
        lock (s_gate)
        {
            s_processes.Remove(process.Id);
        }
    }

    public static void KillAll()
    {
        lock (s_gate)
        {
            foreach (var process in s_processes)
            {
                Signals.Send(ProcessTree.Members(process), Signals.Kill);
            }

            s_processes.Clear();
        }
    }
}
