using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;

#pragma warning disable CA1050 // The runtime looks for this name without a namespace (DOTNET_STARTUP_HOOKS).

/// <summary>
/// Runs inside the gateway's process, before its Main, where a test names this assembly in DOTNET_STARTUP_HOOKS. When the file that
/// <see cref="TriggerVariable"/> names appears, it makes epoll_wait of the gateway's first event loop fail. Where
/// <see cref="CollectVariable"/> is set, it has a large heap collected all the time. What the counter that <see cref="MetricVariable"/> names
/// counts is written to the output.
/// </summary>
internal static partial class StartupHook
{
    public const string TriggerVariable = "TEST_BREAK_LOOP_WHEN";
    public const string CollectVariable = "TEST_COLLECT_GARBAGE";
    public const string MetricVariable = "TEST_PRINT_METRIC";

    // What an event loop registers its eventfd with, so that its epoll instance can be told from the runtime's.
    private const string WakeUpData = "data: ffffffffffffffff";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(TriggerVariable) is { } trigger)
        {
            new Thread(() => BreakWhenTold(trigger)) { IsBackground = true }.Start();
        }

        if (Environment.GetEnvironmentVariable(CollectVariable) is not null)
        {
            new Thread(CollectAllTheTime) { IsBackground = true }.Start();
        }

        if (Environment.GetEnvironmentVariable(MetricVariable) is { } metric)
        {
            PrintWhatIsCounted(metric);
        }
    }

    private static void PrintWhatIsCounted(string metric)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == metric)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>(static (instrument, value, tags, _) =>
            Console.WriteLine($"{instrument.Name} +{value} {string.Join(", ", tags.ToArray().Select(static tag => $"{tag.Key}={tag.Value}"))}"));
        listener.Start();
    }

    private static void CollectAllTheTime()
    {
        // Many small objects that refer to one another take long to mark.
        var survivors = new List<object[]>();
        for (var i = 0; i < 3_000_000; i++)
        {
            survivors.Add([new object(), survivors.Count > 0 ? survivors[i / 2] : ""]);
        }

        while (true)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
            Thread.Sleep(50);
            GC.KeepAlive(survivors);
        }
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
