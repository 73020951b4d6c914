using System.Runtime.InteropServices;
using Bench.Driver;
using Bench.Driver.Cases;
using Bench.Driver.Processes;
using Bench.Driver.Reporting;
using Bench.Driver.Results;
using Bench.Driver.Rows;

BenchOptions options;
var rows = AllRows.Create();
try
{
    options = BenchOptions.Parse(args);
    var unknown = options.Rows.FirstOrDefault(name => name != CaseMatrix.Name && rows.All(row => row.Name != name));
    if (unknown is not null)
    {
        throw new UsageException($"There is no row '{unknown}'. The rows are: {string.Join(", ", rows.Select(static row => row.Name).Append(CaseMatrix.Name))}.");
    }
}
catch (UsageException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}

if (options.Help || options.List)
{
    Console.WriteLine(options.Help ? BenchOptions.Usage : string.Join('\n', rows.Select(static row => $"{row.Name,-16}{row.Title}").Append($"{CaseMatrix.Name,-16}{CaseMatrix.Title}")));
    return 0;
}

var temporary = Directory.CreateTempSubdirectory("bench-");
// PostgreSQL runs as a user of its own below this folder.
File.SetUnixFileMode(temporary.FullName, (UnixFileMode)Convert.ToInt32("755", 8));
// Since .NET 10 the runtime leaves these signals to their default, which would end the program and leave the servers running.
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, EndOnSignal);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, EndOnSignal);
using var hungUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, EndOnSignal);
try
{
    var paths = new BenchPaths(BenchPaths.FindRoot(), temporary.FullName);
    var bench = new Bench.Driver.Bench(options, paths, new CommandLog(paths.Root, paths.Temporary), new Ports());
    var results = options.Output ?? (options.Quick ? paths.QuickResults : paths.Results);
    var machine = MachineFacts.Read();
    var failed = new List<string>();
    if (options.Rows.Contains(CaseMatrix.Name))
    {
        RunProgress.Heading($"{CaseMatrix.Name}: {CaseMatrix.Title}");
        var matrix = await CaseMatrix.RunAsync(bench);
        matrix.WriteToTerminal();
        matrix.Write(results == paths.Results ? Path.Combine(paths.Root, "bench", "CASES.md") : Path.Combine(results, "CASES.md"), machine);
    }

    foreach (var row in options.Rows.Count == 0 ? rows : [.. options.Rows.Where(static name => name != CaseMatrix.Name).Select(name => rows.First(row => row.Name == name))])
    {
        RunProgress.Heading($"{row.Name}: {row.Title}");
        try
        {
            var result = await row.RunAsync(bench, machine);
            ResultFiles.Write(results, result);
            BarChart.Write(results, result);
            TerminalReport.Write(result);
        }
        catch (BenchException exception)
        {
            failed.Add(row.Name);
            Console.Error.WriteLine($"{row.Name} gave no result: {exception.Message}");
        }
    }

    var all = ResultFiles.Read(results, rows.Select(static row => row.Name));
    var isPublished = results == paths.Results;
    var report = isPublished ? Path.Combine(paths.Root, "bench", "RESULTS.md") : Path.Combine(results, "RESULTS.md");
    MarkdownReport.Write(report, isPublished ? "results/" : "", paths.Findings, all);
    Console.WriteLine($"\nReport: {report}");
    if (failed.Count == 0)
    {
        return 0;
    }

    Console.Error.WriteLine($"Without a result: {string.Join(", ", failed)}.");
    return 1;
}
finally
{
    CleanUp();
}

void EndOnSignal(PosixSignalContext context)
{
    CleanUp();
    Environment.Exit(130);
}

void CleanUp()
{
    RunningProcesses.KillAll();
    if (Directory.Exists(temporary.FullName))
    {
        try
        {
            temporary.Delete(recursive: true);
        }
        catch (IOException)
        {
            // A server that was killed a moment ago may still have written; what is left lies in the system's temporary folder.
        }
    }
}
