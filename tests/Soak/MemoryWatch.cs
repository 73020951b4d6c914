using System.Diagnostics;
using System.Globalization;

namespace Soak;

/// <summary>Takes memory samples of the gateway at regular times.</summary>
internal sealed class MemoryWatch(SoakGateway gateway)
{
    private const long KiB = 1024;

    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly List<MemorySample> _samples = [];

    public IReadOnlyList<MemorySample> Samples => _samples;

    public async Task RunAsync(TimeSpan interval, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            _samples.Add(await TakeAsync());
            await Task.Delay(interval, cancellationToken).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    public async Task<MemorySample> TakeAsync()
    {
        File.Delete(gateway.HeapFile);
        await Deadline.UntilAsync(() => Task.FromResult(File.Exists(gateway.HeapFile)), static () => "the gateway does not collect its heap");
        var heap = double.Parse(await File.ReadAllTextAsync(gateway.HeapFile), CultureInfo.InvariantCulture);
        var sockets = File.ReadLines("/proc/net/sockstat").Single(static line => line.StartsWith("TCP:", StringComparison.Ordinal)).Split(' ');
        return new MemorySample(
            _watch.Elapsed.TotalMinutes,
            ReadKibibytes($"/proc/{gateway.ProcessId}/status", "VmRSS:"),
            heap,
            Directory.GetFiles($"/proc/{gateway.ProcessId}/fd").Length,
            ReadKibibytes("/proc/meminfo", "Slab:"),
            long.Parse(sockets[^1], CultureInfo.InvariantCulture) * Environment.SystemPageSize);
    }

    private static long ReadKibibytes(string file, string name) => KiB * long.Parse(
        File.ReadLines(file).Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);
}
