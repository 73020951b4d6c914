using System.Diagnostics;

namespace Bench.Driver.Processes;

/// <summary>Runs a program to its end.</summary>
internal static class Tool
{
    /// <returns>Standard output.</returns>
    /// <exception cref="BenchException">The program failed or took longer than allowed.</exception>
    public static async Task<string> RunAsync(string program, IReadOnlyList<string> arguments, int timeoutMs = 120_000)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        using var process = Process.Start(start) ?? throw new BenchException($"{program} did not start.");
        RunningProcesses.Add(process);
        try
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            using var patience = new CancellationTokenSource(timeoutMs);
            try
            {
                await process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
                throw new BenchException($"{Path.GetFileName(program)} took longer than {timeoutMs / 1000} s.");
            }

            return process.ExitCode == 0
                ? await output
                : throw new BenchException($"{Path.GetFileName(program)} failed with {process.ExitCode}: {(await errors).Trim()} {(await output).Trim()}");
        }
        finally
        {
            RunningProcesses.Remove(process);
        }
    }

    /// <returns>Both outputs together, whatever the exit code; for programs that answer <c>-v</c> in their own way.</returns>
    public static string RunCombined(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(Find(program) ?? program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        return text;
    }

    public static bool Exists(string program) => Find(program) is not null;

    public static string? Find(string program) =>
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin".Split(':').Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
