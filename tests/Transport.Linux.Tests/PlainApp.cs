using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Transport.Linux.Tests;

/// <summary>The sample of docs/transport.md as a process of its own, and what the system says of it.</summary>
internal sealed partial class PlainApp : IAsyncDisposable
{
    private PlainApp(RunningProgram program, IPEndPoint endPoint)
    {
        Program = program;
        EndPoint = endPoint;
    }

    public RunningProgram Program { get; }

    public IPEndPoint EndPoint { get; }

    public Uri Address => new($"http://{EndPoint}/");

    public int ThreadCount => int.Parse(Status("Threads:"), CultureInfo.InvariantCulture);

    public int DescriptorCount => Directory.GetFiles($"/proc/{Program.Id}/fd").Length;

    public long ResidentBytes => 1024 * long.Parse(Status("VmRSS:").Split(' ')[0], CultureInfo.InvariantCulture);

    public TimeSpan ProcessorTime
    {
        get
        {
            using var process = Process.GetProcessById(Program.Id);
            return process.TotalProcessorTime;
        }
    }

    /// <summary>Starts it on a free port, with two event loops.</summary>
    /// <param name="launcher">A program and its arguments that the sample runs under. It must stay the same process for the properties above.</param>
    /// <param name="settings">More settings, as arguments.</param>
    public static async Task<PlainApp> StartAsync(string[]? launcher = null, params string[] settings)
    {
        var program = Run(launcher ?? [], ["--urls=http://127.0.0.1:0", .. settings]);
        await program.WaitForOutputAsync("Application started");
        var port = ListeningPort().Match(program.Output).Groups[1].Value;
        return new PlainApp(program, new IPEndPoint(IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture)));
    }

    /// <summary>Starts it without waiting for anything.</summary>
    public static RunningProgram Run(string[] launcher, params string[] arguments)
    {
        string[] command = [.. launcher, Programs.DotnetHost, BuildFacts.PlainAppPath, "--LinuxTransport:ThreadCount=2", .. arguments];
        return RunningProgram.Start(command[0], command[1..]);
    }

    public int CountInOutput(string text) => Regex.Count(Program.Output, Regex.Escape(text));

    public ValueTask DisposeAsync() => Program.DisposeAsync();

    private string Status(string label) => File.ReadLines($"/proc/{Program.Id}/status")
        .Single(line => line.StartsWith(label, StringComparison.Ordinal))[label.Length..].Trim();

    [GeneratedRegex(@"Now listening on: http://\S+:(\d+)")]
    private static partial Regex ListeningPort();
}
