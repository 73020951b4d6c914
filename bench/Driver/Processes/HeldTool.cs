using System.Diagnostics;

namespace Bench.Driver.Processes;

/// <summary>A load tool that sets something up, says so in one line, and holds it until it is disposed.</summary>
internal sealed class HeldTool : IAsyncDisposable
{
    private readonly Process _process;

    private HeldTool(Process process, string line)
    {
        _process = process;
        Line = line;
    }

    /// <summary>What the tool said when all was set up.</summary>
    public string Line { get; }

    public static async Task<HeldTool> StartAsync(Bench bench, string program, IReadOnlyList<string> arguments)
    {
        bench.Commands.Add([], program, arguments);
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start) ?? throw new BenchException($"{program} did not start.");
        RunningProcesses.Add(process);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        string? line = null;
        try
        {
            line = await process.StandardOutput.ReadLineAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }

        if (line is not null)
        {
            return new HeldTool(process, line);
        }

        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        RunningProcesses.Remove(process);
        process.Dispose();
        throw new BenchException($"{Path.GetFileName(program)} set nothing up within 60 s: {errors.Trim()}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        RunningProcesses.Remove(_process);
        _process.Dispose();
    }
}
