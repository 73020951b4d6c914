using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Upgrade;

/// <summary>SIGUSR2, as NGINX has it: starts the program anew, with the same command line and environment, to take over from this instance.</summary>
internal sealed class SuccessorProcess(ILoggerFactory loggerFactory) : IDisposable
{
    private const PosixSignal SIGUSR2 = (PosixSignal)12;

    private readonly ILogger _logger = loggerFactory.CreateLogger(GatewayLog.Category);
    private PosixSignalRegistration? _registration;

    public void Listen() => _registration = PosixSignalRegistration.Create(SIGUSR2, context =>
    {
        context.Cancel = true;
        _ = RunAsync();
    });

    public void Dispose() => _registration?.Dispose();

    private async Task RunAsync()
    {
        try
        {
            // The program that was typed, if it can be found without a search, as its path may lead to a newer one by now.
            var line = (await File.ReadAllTextAsync("/proc/self/cmdline")).TrimEnd('\0').Split('\0');
            var program = Path.IsPathFullyQualified(line[0]) && File.Exists(line[0]) ? line[0] : Environment.ProcessPath!;
            using var process = Process.Start(new ProcessStartInfo(program, line.Skip(1)))!;
            GatewayLog.SuccessorStarted(_logger, process.Id);
            await process.WaitForExitAsync();
            if (process.ExitCode != ExitCodes.Success)
            {
                GatewayLog.SuccessorFailed(_logger, $"process {process.Id} ended with exit code {process.ExitCode}.");
            }
        }
        catch (Exception exception) when (exception is Win32Exception or IOException or UnauthorizedAccessException)
        {
            GatewayLog.SuccessorFailed(_logger, SingleLine.Of(exception.Message));
        }
    }
}
