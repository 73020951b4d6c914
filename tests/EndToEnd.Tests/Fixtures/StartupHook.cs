using System.Runtime.InteropServices;

#pragma warning disable CA1050 // The runtime looks for this name without a namespace (DOTNET_STARTUP_HOOKS).

/// <summary>
/// Runs inside the gateway's process, before its Main, where a test names this assembly in DOTNET_STARTUP_HOOKS. When the file that
/// <see cref="TriggerVariable"/> names appears, it makes epoll_wait of the gateway's first event loop fail.
/// </summary>
internal static partial class StartupHook
{
    public const string TriggerVariable = "TEST_BREAK_LOOP_WHEN";

    // What an event loop registers its eventfd with, so that its epoll instance can be told from the runtime's.
    private const string WakeUpData = "data: ffffffffffffffff";

    public static void Initialize()
    {
        var trigger = Environment.GetEnvironmentVariable(TriggerVariable)!;
        new Thread(() => BreakWhenTold(trigger)) { IsBackground = true }.Start();
    }

    private static void BreakWhenTold(string trigger)
    {
        while (!File.Exists(trigger))
        {
            Thread.Sleep(10);
        }

        using var other = File.OpenHandle("/dev/null");
        foreach (var file in Directory.EnumerateFiles("/proc/self/fdinfo"))
        {
            if (ReadIfThere(file).Contains(WakeUpData, StringComparison.Ordinal))
            {
                _ = dup2((int)other.DangerousGetHandle(), int.Parse(Path.GetFileName(file), System.Globalization.CultureInfo.InvariantCulture));
                return;
            }
        }
    }

    private static string ReadIfThere(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            // Closed meanwhile.
            return "";
        }
    }

    [LibraryImport("libc")]
    private static partial int dup2(int from, int to);
}
