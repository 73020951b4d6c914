using System.Globalization;

/// <summary>
/// Runs inside the gateway (DOTNET_STARTUP_HOOKS) and writes down how much of its managed heap is alive, after a full collection, whenever the file that it
/// writes to has been taken away. The runtime asks for this name, without a namespace.
/// </summary>
internal static class StartupHook
{
    public const string Variable = "SOAK_HEAP_FILE";

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(200);

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { } file)
        {
            new Thread(() => Watch(file)) { IsBackground = true, Name = "soak heap" }.Start();
        }
    }

    private static void Watch(string file)
    {
        while (true)
        {
            if (!File.Exists(file))
            {
                // The pool of the event loops and ArrayPool drop what they no longer need in finalizers.
                GC.Collect();
                GC.WaitForPendingFinalizers();
                File.WriteAllText(file + ".next", GC.GetTotalMemory(forceFullCollection: true).ToString(CultureInfo.InvariantCulture));
                File.Move(file + ".next", file);
            }

            Thread.Sleep(s_interval);
        }
    }
}
