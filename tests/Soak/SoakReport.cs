using System.Diagnostics;
using System.Globalization;

namespace Soak;

/// <summary>Collects what a run showed, judges it, and prints it.</summary>
internal sealed class SoakReport(SoakOptions options, SoakGateway gateway, UpstreamProcess[] upstreams)
{
    /// <summary>Descriptors that the gateway may have more at rest than before the load: pooled pipes, kept HTTP connections, the pool's threads.</summary>
    private const int MostMoreAtRest = 256;

    private const int SamplesPerRow = 5;
    private const double MiB = 1024 * 1024;

    private readonly Stopwatch _watch = new();
    private readonly List<string> _faults = [];
    private MemorySample _before;
    private TimeSpan _processorBefore;

    public Tally Tally { get; } = new();

    public MemoryWatch Memory { get; } = new(gateway);

    public Disturbances Disturbances { get; } = new(gateway, upstreams);

    private TimeSpan ProcessorTime
    {
        get
        {
            using var process = Process.GetProcessById(gateway.ProcessId);
            return process.TotalProcessorTime;
        }
    }

    public async Task BeginAsync()
    {
        _before = await Memory.TakeAsync();
        _processorBefore = ProcessorTime;
        _watch.Start();
        Print($"Soak for {options.Duration.TotalMinutes:0} min, {options.Rate} exchanges/s, seed {options.Seed}");
        Print($"{Environment.ProcessorCount} CPUs, {Environment.OSVersion.VersionString}, .NET {Environment.Version}");
    }

    public void AddError(string name, DateTime from) => Tally.AddError(name, Disturbances.WasOutage(from, DateTime.UtcNow));

    public void AddWrong(string name, WrongBytesException exception, bool isExpected)
    {
        if (isExpected)
        {
            Tally.AddError($"{name}: {nameof(EndOfStreamException)}", isExpected: true);
            return;
        }

        Tally.AddWrong(name);
        Print($"WRONG at {_watch.Elapsed:hh\\:mm\\:ss}: {name}: {exception.Message}");
    }

    /// <summary>Waits for silence, prints all of it, and says whether the run was clean.</summary>
    public async Task<bool> ConcludeAsync()
    {
        var elapsed = _watch.Elapsed;
        var processor = ProcessorTime - _processorBefore;
        await Deadline.UntilAsync(
            async () => await gateway.CountSessionsAsync() == 0, static () => "sessions are left though every client has closed");
        var damaged = await gateway.ReadMetricAsync("splice_sockmap_damaged_total");
        var after = await Memory.TakeAsync();
        var exitCode = await gateway.StopAsync();

        Print($"\n{elapsed.TotalMinutes:0.0} min, {Disturbances.Reloads} reloads, {Disturbances.Kills} upstreams killed; " +
            $"{Tally.Exchanges} exchanges ({Tally.Exchanges / elapsed.TotalSeconds:0.0}/s), {Tally.Bytes / MiB:0} MiB ({Tally.Bytes / MiB / elapsed.TotalSeconds:0.0} MiB/s); " +
            $"gateway {100 * processor / elapsed:0} % of a CPU");
        Print("\nexchanges      MiB  what");
        foreach (var (name, (exchanges, bytes)) in Tally.Done)
        {
            Print($"{exchanges,9} {bytes / MiB,8:0.0}  {name}");
        }

        PrintErrors("while an upstream was killed, which must cost its connections", Tally.Expected);
        PrintErrors("UNEXPECTED", Tally.Unexpected);
        PrintErrors("WRONG BYTES", Tally.Wrong);
        PrintMemory();
        Print($"\nat rest, before and after: {_before.Resident / MiB:0} and {after.Resident / MiB:0} MiB resident, " +
            $"{_before.Heap / MiB:0.0} and {after.Heap / MiB:0.0} MiB of heap alive, {_before.Descriptors} and {after.Descriptors} descriptors");

        Expect(!Tally.Wrong.Any(), "wrong bytes");
        Expect(!Tally.Unexpected.Any(), "unexpected errors");
        Expect(damaged == 0, $"{damaged} sessions were reset as damaged");
        Expect(after.Descriptors - _before.Descriptors <= MostMoreAtRest, $"more than {MostMoreAtRest} descriptors were gained at rest");
        Expect(exitCode == 0, $"the gateway's exit code is {exitCode}");
        foreach (var complaint in upstreams.SelectMany(static upstream => upstream.Complaints))
        {
            Expect(false, $"an upstream says: {complaint}");
        }

        foreach (var line in gateway.Log.Split('\n').Where(static line => line.StartsWith("fail:", StringComparison.Ordinal) || line.StartsWith("crit:", StringComparison.Ordinal)))
        {
            Expect(false, $"the gateway says: {line}");
        }

        Print(_faults.Count == 0 ? "\nPASSED" : $"\nFAILED\n{string.Join('\n', _faults)}");
        return _faults.Count == 0;
    }

    private static void PrintErrors(string heading, IEnumerable<KeyValuePair<string, long>> errors)
    {
        Print($"\nerrors, {heading}: {errors.Sum(static error => error.Value)}");
        foreach (var (name, count) in errors)
        {
            Print($"{count,9}  {name}");
        }
    }

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    private static void Print(string text) => Console.WriteLine(text);

    private void PrintMemory()
    {
        var samples = Memory.Samples;
        Print($"\n{"memory under load",-24}{"first",10}{"least",10}{"most",10}{"last",10}{"a minute",10}  bound on the whole growth");
        foreach (var bound in LeakBound.All)
        {
            var values = samples.Select(sample => bound.Read(sample) / bound.UnitSize).ToArray();
            var limit = bound.MostGrowth is { } most ? $"{most:0} {bound.Unit}" : "not judged";
            Print($"{$"{bound.Name} {bound.Unit}",-30}{values[0],4:0} {values.Min(),9:0} {values.Max(),9:0} {values[^1],9:0} {bound.SlopeOf(samples),9:+0.000;-0.000}  {limit}");
            Expect(!bound.IsExceededBy(samples), $"{bound.Name} grows by {bound.SlopeOf(samples):0.000} {bound.Unit} a minute");
        }

        Print($"\n{"minute",10}{"resident MiB",15}{"heap MiB",10}{"descriptors",13}{"slab MiB",10}{"TCP MiB",9}");
        foreach (var sample in samples.Where(static (_, index) => index % SamplesPerRow == 0))
        {
            Print($"{sample.Minutes,10:0.0}{sample.Resident / MiB,15:0.0}{sample.Heap / MiB,10:0.0}{sample.Descriptors,13:0}{sample.Slab / MiB,10:0}{sample.TcpBuffers / MiB,9:0.0}");
        }
    }

    private void Expect(bool condition, string fault)
    {
        if (!condition)
        {
            _faults.Add(fault);
        }
    }
}
