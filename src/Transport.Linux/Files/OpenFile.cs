using Transport.Linux.Interop;

namespace Transport.Linux.Files;

/// <summary>An open descriptor that several responses may read at the same time, closed with the last reference to it.</summary>
internal sealed class OpenFile
{
    private readonly Status _opened;
    private volatile Status _status;
    private int _references = 1;

    public OpenFile(string path, int descriptor, in FileStatus status, long nowMs)
    {
        Path = path;
        Descriptor = descriptor;
        IsInMemory = FileCalls.IsInMemory(descriptor);
        _opened = _status = new Status(status, nowMs);
    }

    public string Path { get; }

    public int Descriptor { get; }

    /// <summary>Whether no read of it can wait for a disk.</summary>
    public bool IsInMemory { get; }

    public long Length => _status.Value.Length;

    /// <summary>When the path was last seen to lead to this file, on the clock of <see cref="Environment.TickCount64"/>.</summary>
    public long CheckedAtMs => _status.CheckedAtMs;

    /// <summary>The time of the last change as the header Last-Modified has it.</summary>
    public string LastModified => _status.LastModified;

    public bool IsSameFile(in FileStatus status) => _opened.Value.IsSameFile(status);

    /// <summary>Takes note of what the path leads to now; it is the same file, but may have grown, shrunk or been written to.</summary>
    public void Update(in FileStatus status, long nowMs) => _status = new Status(status, nowMs);

    /// <summary>Only by someone who has a reference.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            _ = SocketCalls.Close(Descriptor);
        }
    }

    private sealed class Status(in FileStatus value, long checkedAtMs)
    {
        public FileStatus Value { get; } = value;

        public long CheckedAtMs { get; } = checkedAtMs;

        public string LastModified { get; } = DateTimeOffset.UnixEpoch.AddSeconds(value.ModifiedSeconds).ToString("R");
    }
}
