using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Sessions;

/// <summary>
/// A count that grows. One thread adds, so that adding costs a plain addition, and any thread reads. What the kernel counts by itself is read with it
/// while a direction is armed.
/// </summary>
internal sealed class Tally
{
    private readonly Lock _lock = new();
    private HashSet<SockmapPath>? _armed;
    private long _value;

    public void Add(long count) => Volatile.Write(ref _value, _value + count);

    /// <summary>As <see cref="Add"/>, where several threads add.</summary>
    public void AddShared(long count) => Interlocked.Add(ref _value, count);

    /// <summary>The kernel moves bytes of this direction from now on.</summary>
    public void Attach(SockmapPath path)
    {
        lock (_lock)
        {
            (_armed ??= []).Add(path);
        }
    }

    /// <summary>The sockets are closed: what the kernel has moved is final.</summary>
    public void Detach(SockmapPath path)
    {
        // One step for readers: they never see the bytes twice, or a count that falls.
        lock (_lock)
        {
            if (_armed!.Remove(path))
            {
                Add(path.Redirected);
            }
        }
    }

    public long Read()
    {
        if (Volatile.Read(ref _armed) is null)
        {
            return Volatile.Read(ref _value);
        }

        lock (_lock)
        {
            return Volatile.Read(ref _value) + _armed!.Sum(static path => path.Redirected);
        }
    }
}
