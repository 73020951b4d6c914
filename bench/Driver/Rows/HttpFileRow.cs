using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class HttpFileRow() : Row("http-file", "HTTP/1.1 files")
{
    private const string Ours = "Linux transport, sendfile";
    private const string Sockets = "Kestrel sockets";
    private const string Nginx = "NGINX, sendfile";

    private static readonly (string Title, string Name, int Bytes, int Connections)[] s_files =
    [
        ("1 KB, 64 connections", "1k.bin", 1000, 64),
        ("100 KB, 16 connections", "100k.bin", 100_000, 16),
        ("100 MB, 4 connections", "100m.bin", 100_000_000, 4),
    ];

    public override IReadOnlyList<Metric> Columns =>
        [Metric.CpuPerGigabyte, Metric.PerSecond, Metric.ServerCpu, Metric.Throughput, Metric.P50, Metric.P99, Metric.ServerCores, Metric.LoadCores, Metric.Resident];

    protected override int QuickRounds => 1;

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads,
        "The files are in the page cache. The client drops bodies inside the kernel, so that what a receiver pays for its copy is in nobody's figures; it checks the length of each.",
        "Kestrel's static files look at the path, and answer conditions and ranges, for each request in managed code; NGINX does it in C, and with open_file_cache looks at a path once in a minute.",
        "Linux transport, copied, is the same transport without UseSendFile: the difference is what sendfile does.",
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        Target.AtMostRatio(s_files[1].Title, Ours, Metric.CpuPerGigabyte, 0.6, Sockets),
        Target.AtMostRatio(s_files[2].Title, Ours, Metric.CpuPerGigabyte, 0.6, Sockets),
        Target.AtMostRatio(s_files[2].Title, Ours, Metric.CpuPerGigabyte, 1.2, Nginx),
        Target.AtLeastRatio(s_files[0].Title, Ours, Metric.PerSecond, 1.0, Sockets),
        Target.AtLeastRatio(s_files[1].Title, Ours, Metric.PerSecond, 1.5, Sockets),
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        var folder = Path.Combine(bench.Paths.Temporary, "files");
        Write(folder);
        Contestant[] contestants =
        [
            new HttpServer(Ours, onLinuxTransport: true, inline: false, 0, folder, sendFile: true),
            new HttpServer("Linux transport, copied", onLinuxTransport: true, inline: false, 0, folder),
            new HttpServer(Sockets, onLinuxTransport: false, inline: false, 0, folder),
            new NginxFiles(Nginx, folder),
        ];
        await using var field = await Field.StartAsync(
            bench, contestants, 0, port => NativeLoad.GetFileAsync(bench, port, s_files[0].Name, s_files[0].Bytes, 1, 50));
        var cases = new List<CaseResult>();
        foreach (var (title, name, bytes, connections) in s_files)
        {
            cases.Add(field.WithAbsent(await Interleaving.RunAsync(
                bench, title, field.Entrants, Metric.CpuPerGigabyte,
                entrant => NativeLoad.GetFileAsync(bench, entrant.Port, name, bytes, connections, bench.Pick(1000, 2000)),
                entrant => Meter.MeasureAsync(entrant.Server, () => NativeLoad.GetFileAsync(bench, entrant.Port, name, bytes, connections, bench.Pick(2000, 5000))))));
        }

        return cases;
    }

    private static void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var (_, name, bytes, _) in s_files)
        {
            var content = new byte[bytes];
            new Random(bytes).NextBytes(content);
            File.WriteAllBytes(Path.Combine(folder, name), content);
        }
    }
}
