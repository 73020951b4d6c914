using System.Diagnostics;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

/// <summary>One question that the benchmarks answer, with the cases that it takes.</summary>
internal abstract class Row(string name, string title)
{
    public string Name { get; } = name;

    public string Title { get; } = title;

    /// <summary>What the tables show; the first is what the charts show.</summary>
    public abstract IReadOnlyList<Metric> Columns { get; }

    /// <summary>What the numbers do not show.</summary>
    protected abstract IReadOnlyList<string> Caveats { get; }

    protected virtual IReadOnlyList<Target> Targets => [];

    /// <summary>Rounds in the quick form; one where a round takes seconds.</summary>
    protected virtual int QuickRounds => 2;

    public async Task<RowResult> RunAsync(Bench bench, MachineFacts machine)
    {
        bench.Commands.Take();
        bench.SetRounds(QuickRounds);
        var started = DateTimeOffset.UtcNow;
        var busyBefore = Machine.BusySeconds();
        await Task.Delay(1000);
        var otherBusy = Machine.BusySeconds() - busyBefore;
        var clock = Stopwatch.StartNew();
        var cases = await MeasureAsync(bench);
        return new RowResult(Name, Title)
        {
            Machine = machine,
            Started = started,
            Seconds = clock.Elapsed.TotalSeconds,
            Quick = bench.Quick,
            Rounds = bench.Rounds,
            OtherBusyCores = otherBusy,
            Columns = [.. Columns.Select(static column => column.Key)],
            Cases = cases,
            Targets = [.. Targets.Select(target => target.Judge(cases))],
            Caveats = [.. Caveats],
            Commands = [.. bench.Commands.Take()],
        };
    }

    protected abstract Task<List<CaseResult>> MeasureAsync(Bench bench);
}
