using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using Transport.Linux.Interop;
using Transport.Linux.Metrics;

namespace Transport.Linux.Files;

/// <summary>
/// Files that stay open between responses, by path. The one used last is at the front; past the limit the one at the end is closed. A descriptor is closed
/// with its last reference: what is being sent goes on from a file that has been replaced or thrown out.
/// </summary>
internal sealed class OpenFileCache : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _byUse = new();
    private readonly SendFileOptions _options;
    private readonly Timer _sweep;
    private readonly Counter<long>? _hits;
    private readonly Counter<long>? _misses;
    private bool _isDisposed;

    public OpenFileCache(IOptions<SendFileOptions> options, IMeterFactory? meterFactory = null)
    {
        _options = options.Value;
        if (meterFactory?.Create(TransportMetrics.MeterName) is { } meter)
        {
            _hits = meter.CreateCounter<long>("transport.linux.open_files.hits", "{response}", "Responses from a file that was open already.");
            _misses = meter.CreateCounter<long>("transport.linux.open_files.misses", "{response}", "Responses whose file had to be opened.");
            meter.CreateObservableUpDownCounter("transport.linux.open_files.count", () => (long)Count, "{file}", "Files that are kept open.");
        }

        var period = _options.OpenFileIdleTimeout / 4;
        _sweep = new Timer(static cache => ((OpenFileCache)cache!).CloseIdle(), this, period, period);
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>Opens a file, or takes the open one.</summary>
    /// <param name="path">A full path.</param>
    /// <param name="lastModified">What the response says in Last-Modified, or nothing.</param>
    /// <param name="length">How long the response takes the file to be, if that is known.</param>
    /// <returns>The file with a reference for the caller, or <see langword="null"/> if it is not a regular file that can be opened.</returns>
    public OpenFile? TryOpen(string path, string? lastModified, long? length)
    {
        if (Find(path) is not { } file)
        {
            return OpenNew(path);
        }

        var nowMs = Environment.TickCount64;
        if (nowMs - file.CheckedAtMs < _options.OpenFileValidity.TotalMilliseconds && lastModified == file.LastModified && length == file.Length)
        {
            _hits?.Add(1);
            return file;
        }

        if (FileCalls.GetStatus(path, out var status) >= 0 && file.IsSameFile(status))
        {
            file.Update(status, nowMs);
            _hits?.Add(1);
            return file;
        }

        Remove(file);
        file.Release();
        return OpenNew(path);
    }

    public void Dispose()
    {
        _sweep.Dispose();
        lock (_lock)
        {
            _isDisposed = true;
            CloseLast(_entries.Count);
        }
    }

    private OpenFile? Find(string path)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(path, out var node))
            {
                return null;
            }

            node.Value = node.Value with { UsedAtMs = Environment.TickCount64 };
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            node.Value.File.AddReference();
            return node.Value.File;
        }
    }

    private OpenFile? OpenNew(string path)
    {
        var descriptor = FileCalls.OpenForReading(path);
        if (descriptor is -Errno.EMFILE or -Errno.ENFILE)
        {
            // What is only kept for later gives way to what is needed now.
            lock (_lock)
            {
                CloseLast(_entries.Count);
            }

            descriptor = FileCalls.OpenForReading(path);
        }

        if (descriptor < 0)
        {
            return null;
        }

        if (FileCalls.GetStatus(descriptor, out var status) < 0 || !status.IsRegular)
        {
            _ = SocketCalls.Close(descriptor);
            return null;
        }

        var file = new OpenFile(path, descriptor, status, Environment.TickCount64);
        _misses?.Add(1);
        Add(file);
        return file;
    }

    private void Add(OpenFile file)
    {
        lock (_lock)
        {
            // Another response may have opened the same file in the meantime: one of the two is enough.
            if (_options.MaxOpenFiles == 0 || _isDisposed || _entries.ContainsKey(file.Path))
            {
                return;
            }

            file.AddReference();
            _entries[file.Path] = _byUse.AddFirst(new Entry(file, Environment.TickCount64));
            CloseLast(_entries.Count - _options.MaxOpenFiles);
        }
    }

    private void Remove(OpenFile file)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(file.Path, out var node) && node.Value.File == file)
            {
                Close(node);
            }
        }
    }

    private void CloseIdle()
    {
        var usedBeforeMs = Environment.TickCount64 - (long)_options.OpenFileIdleTimeout.TotalMilliseconds;
        lock (_lock)
        {
            while (_byUse.Last is { } last && last.Value.UsedAtMs <= usedBeforeMs)
            {
                Close(last);
            }
        }
    }

    private void CloseLast(int count)
    {
        for (; count > 0; count--)
        {
            Close(_byUse.Last!);
        }
    }

    private void Close(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _entries.Remove(node.Value.File.Path);
        node.Value.File.Release();
    }

    private readonly record struct Entry(OpenFile File, long UsedAtMs);
}
