using System.Text.Json;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Configuration;

/// <summary>
/// The file of <c>--config</c>. Unlike <c>AddJsonFile</c>, a change that cannot be read leaves the values of before in place: an editor's half-written
/// file must not take every route away.
/// </summary>
internal sealed class WatchedFile : ConfigurationProvider, IDisposable
{
    // Editors and copies write in several steps; one reading after the last is enough.
    private static readonly TimeSpan s_settleTime = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly string _name;
    private FileSystemWatcher? _watcher;
    private Timer? _settled;
    private byte[]? _lastSeen;
    private string? _lastProblem;
    private Action<string>? _onProblem;
    private Action? _onReloaded;

    public WatchedFile(string path)
    {
        Path = path;
        _name = System.IO.Path.GetFileName(path);
    }

    /// <summary>The file, as it was given.</summary>
    public string Path { get; }

    public override void Load()
    {
        // The configuration system calls this again when other sources come and go; a broken file stops only the first time.
        if (_lastSeen is not null)
        {
            return;
        }

        var text = Read();
        Data = Parse(text);
        _lastSeen = text;
    }

    /// <summary>
    /// Has changes taken over from now on. To be called before the process gives up its user, who may be the only one who can watch the folder (inotify(7)),
    /// which <see cref="FileSystemWatcher"/> does not tell.
    /// </summary>
    /// <param name="onReloaded">Called after a change was taken over.</param>
    /// <param name="onProblem">Called with the reason, once for each content that cannot be used.</param>
    public void Watch(Action onReloaded, Action<string> onProblem)
    {
        _onReloaded = onReloaded;
        _onProblem = onProblem;
        _settled = new Timer(_ => Reload());
        try
        {
            _watcher = new FileSystemWatcher(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!);
            _watcher.Changed += OnChange;
            _watcher.Created += OnChange;
            _watcher.Renamed += OnChange;
            _watcher.EnableRaisingEvents = true;
        }
        catch (IOException exception)
        {
            onProblem($"{Path}: changes cannot be watched ({SingleLine.Of(exception.Message)}); a restart takes them over.");
        }
    }

    /// <summary>Takes over a change that was made before <see cref="Watch"/>, and says if the file cannot be read (any more).</summary>
    public void Look() => _settled?.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _watcher?.Dispose();
        _settled?.Dispose();
    }

    private void OnChange(object sender, FileSystemEventArgs change)
    {
        // Kubernetes swaps a directory link whose name starts with two dots instead of touching the file.
        if (change.Name == _name || change.Name?.StartsWith("..", StringComparison.Ordinal) == true)
        {
            _settled?.Change(s_settleTime, Timeout.InfiniteTimeSpan);
        }
    }

    private void Reload()
    {
        lock (_lock)
        {
            try
            {
                var text = Read();
                if (_lastSeen.AsSpan().SequenceEqual(text))
                {
                    return;
                }

                _lastSeen = text;
                Data = Parse(text);
                _lastProblem = null;
            }
            catch (Exception exception)
            {
                var problem = StartupFailure.From(exception).Lines[0];
                if (problem != _lastProblem)
                {
                    _lastProblem = problem;
                    _onProblem?.Invoke(problem);
                }

                return;
            }

            OnReload();
            _onReloaded?.Invoke();
        }
    }

    private byte[] Read()
    {
        try
        {
            return File.ReadAllBytes(Path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ConfigurationMistakeException($"--config {Path}: there is no such file; accepted is a JSON file.", exception);
        }
        catch (UnauthorizedAccessException exception) when (Directory.Exists(Path))
        {
            throw new ConfigurationMistakeException($"--config {Path}: this is a directory; accepted is a JSON file.", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new UnauthorizedAccessException($"--config {Path}: no permission to read the file.", exception);
        }
    }

    private IDictionary<string, string?> Parse(byte[] text)
    {
        try
        {
            return JsonText.Parse(text);
        }
        catch (Exception exception) when (exception is FormatException or JsonException or InvalidOperationException)
        {
            // The last for an escape that is no Unicode text, such as half of a surrogate pair.
            throw new ConfigurationMistakeException(JsonMistake.Describe(Path, exception), exception);
        }
    }
}
