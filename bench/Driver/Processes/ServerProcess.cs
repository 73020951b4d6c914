using System.Diagnostics;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Bench.Driver.Processes;

/// <summary>A server that a row has started: it listens, alone, and ends with this object.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _logPath;

    private ServerProcess(string name, Process process, int port, string logPath)
    {
        Name = name;
        _process = process;
        Port = port;
        _logPath = logPath;
        Members = [process.Id];
    }

    public string Name { get; }

    public int Port { get; }

    /// <summary>The process and its workers, as they were when it was ready.</summary>
    public IReadOnlyList<int> Members { get; private set; }

    /// <summary>From the start of the process until a connect to its port succeeded.</summary>
    public TimeSpan ListenedAfter { get; private set; }

    public double CpuSeconds => ProcessTree.CpuSeconds(Members);

    public static async Task<ServerProcess> StartAsync(Bench bench, ServerCommand command)
    {
        bench.Commands.Add(command.Environment, command.Program, command.Arguments);
        var log = bench.Paths.Write($"{command.Port}.log", "");
        // A shell only to send the output to a file; exec makes it become the server, so the process is the server's own.
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = bench.Paths.Temporary, RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$@\" >>\"$BENCH_LOG\" 2>&1 </dev/null");
        start.ArgumentList.Add("sh");
        start.ArgumentList.Add(command.Program);
        foreach (var argument in command.Arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["BENCH_LOG"] = log;
        // Several gateways run side by side; each has its admin endpoint, as it would in production, on a port of its own.
        start.Environment["Admin__Url"] = "http://127.0.0.1:0";
        foreach (var (name, value) in command.Environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start) ?? throw new BenchException($"{command.Name} did not start.");
        var server = new ServerProcess(command.Name, process, command.Port, log);
        RunningProcesses.Add(process);
        try
        {
            await server.WaitUntilListeningAsync();
            await server.CheckListensAloneAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>What the server has logged at warning level or above: a mode that fell back says so there.</summary>
    public IReadOnlyList<string> ReadWarnings()
    {
        var lines = File.ReadAllLines(_logPath);
        var warnings = new List<string>();
        for (var i = 0; i < lines.Length; i++)
        {
            var match = ConsoleLoggerLevel().Match(lines[i]);
            if (match.Success)
            {
                // The console logger puts the message on the line after the category, unless it was told to use a single line.
                var message = lines[i][match.Length..].Trim();
                warnings.Add(message.Length > 0 || i + 1 == lines.Length ? message : lines[i + 1].Trim());
            }
        }

        return [.. warnings.Distinct().Take(3)];
    }

    public void Pause() => Signals.Send(Members, Signals.Stop);

    public void Resume() => Signals.Send(Members, Signals.Continue);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            Resume();
            Signals.Send([_process.Id], Signals.Terminate);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            try
            {
                await _process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                Signals.Send(ProcessTree.Members(_process.Id), Signals.Kill);
                await _process.WaitForExitAsync();
            }
        }

        RunningProcesses.Remove(_process);
        _process.Dispose();
    }

    [GeneratedRegex(@"^([\d:.]+ )?(warn|fail|crit): [^\[]*\[\d+\]")]
    private static partial Regex ConsoleLoggerLevel();

    [GeneratedRegex(@"pid=(\d+)")]
    private static partial Regex SocketOwner();

    private async Task WaitUntilListeningAsync()
    {
        var deadline = Stopwatch.StartNew();
        while (true)
        {
            if (_process.HasExited)
            {
                throw new BenchException($"{Name} ended while starting: {LogTail()}");
            }

            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync("127.0.0.1", Port);
                ListenedAfter = deadline.Elapsed;
                return;
            }
            catch (SocketException) when (deadline.Elapsed < TimeSpan.FromSeconds(20))
            {
                await Task.Delay(20);
            }
            catch (SocketException)
            {
                throw new BenchException($"{Name} did not listen on port {Port} within 20 seconds: {LogTail()}");
            }
        }
    }

    /// <summary>SO_REUSEPORT lets a leftover server share a port in silence, and then a result is a blend of two.</summary>
    private async Task CheckListensAloneAsync()
    {
        var listing = await Tool.RunAsync("ss", ["-ltnpH", $"sport = :{Port}"]);
        var owners = SocketOwner().Matches(listing).Select(static match => int.Parse(match.Groups[1].ValueSpan)).Distinct().ToArray();
        if (owners.Length == 0)
        {
            throw new BenchException($"{Name}: ss(8) shows no process that listens on port {Port}.");
        }

        // Workers that were started since the port was open are in the listing: who belongs to the server is asked after it.
        Members = ProcessTree.Members(_process.Id);
        var strangers = owners.Except(Members).ToArray();
        if (strangers.Length > 0)
        {
            throw new BenchException($"{Name}: process {string.Join(", ", strangers)} listens on port {Port} as well.");
        }
    }

    private string LogTail()
    {
        var lines = File.Exists(_logPath) ? File.ReadAllLines(_logPath) : [];
        return lines.Length == 0 ? "(nothing logged)" : string.Join(" | ", lines.TakeLast(6));
    }
}
