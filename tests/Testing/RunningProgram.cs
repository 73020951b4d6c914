using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Testing;

/// <summary>A child process whose output is kept and which never outlives its test.</summary>
public sealed partial class RunningProgram : IAsyncDisposable
{
    private const int SIGHUP = 1;
    private const int SIGINT = 2;
    private const int SIGUSR2 = 12;
    private const int SIGTERM = 15;
    private const int SIGCONT = 18;
    private const int SIGSTOP = 19;

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();
    private readonly List<(string Text, TaskCompletionSource Seen)> _expected = [];
    private readonly Lock _lock = new();

    private RunningProgram(Process process) => _process = process;

    public int Id => _process.Id;

    public int ProcessId => _process.Id;

    public bool HasExited => _process.HasExited;

    public string Output => Read(_output);

    public string Error => Read(_error);

    public string Everything => $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)}\n{Output}\n{Error}";

    public static RunningProgram Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? workingDirectory = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = workingDirectory ?? "",
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start };
        var running = new RunningProgram(process);
        process.OutputDataReceived += (_, line) => running.Append(running._output, line.Data);
        process.ErrorDataReceived += (_, line) => running.Append(running._error, line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return running;
    }

    /// <summary>Runs a program to its end and returns its exit code and everything it wrote.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string program, params string[] arguments)
    {
        await using var running = Start(program, arguments);
        var exitCode = await running.WaitForExitAsync();
        return (exitCode, running.Output, running.Error);
    }

    /// <summary>Waits until a line of the output contains the text.</summary>
    public async Task WaitForOutputAsync(string text)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_output.ToString().Contains(text, StringComparison.Ordinal) || _error.ToString().Contains(text, StringComparison.Ordinal))
            {
                return;
            }

            _expected.Add((text, seen));
        }

        var exited = _process.WaitForExitAsync();
        if (await Task.WhenAny(seen.Task, exited, Task.Delay(Deadline.Default)) != seen.Task && !seen.Task.IsCompleted)
        {
            throw new TimeoutException($"'{text}' was not written by:\n{Everything}");
        }
    }

    public Task<int> WaitForExitAsync() => WaitForExitAsync(Deadline.Default);

    /// <summary>Waits for the end of a program that may take longer than an event does.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan patience)
    {
        using var timeout = new CancellationTokenSource(patience);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"did not exit:\n{Everything}");
        }

        return _process.ExitCode;
    }

    public void Terminate() => _ = Kill(_process.Id, SIGTERM);

    /// <summary>Keeps all of its threads from running, until <see cref="Resume"/>.</summary>
    public void Suspend() => _ = Kill(_process.Id, SIGSTOP);

    public void Resume() => _ = Kill(_process.Id, SIGCONT);

    public void HangUp() => _ = Kill(_process.Id, SIGHUP);

    public void Interrupt() => _ = Kill(_process.Id, SIGINT);

    public void SignalUser2() => _ = Kill(_process.Id, SIGUSR2);

    /// <summary>Asks a process to end that is not this one: a child that it has left behind.</summary>
    public static void Terminate(int process) => _ = Kill(process, SIGTERM);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    private string Read(StringBuilder text)
    {
        lock (_lock)
        {
            return text.ToString();
        }
    }

    private void Append(StringBuilder text, string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lock)
        {
            text.Append(line).Append('\n');
            foreach (var (_, seen) in _expected.Where(expected => line.Contains(expected.Text, StringComparison.Ordinal)))
            {
                seen.TrySetResult();
            }
        }
    }
}
