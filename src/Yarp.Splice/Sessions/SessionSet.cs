using System.Diagnostics.CodeAnalysis;

namespace Yarp.Splice.Sessions;

/// <summary>The sessions of one event loop. Only readers from other threads ever contend for the lock.</summary>
internal sealed class SessionSet
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, ITrackedSession> _sessions = [];

    public int Count => _sessions.Count;

    public void Add(ITrackedSession session)
    {
        lock (_lock)
        {
            _sessions.Add(session.Id, session);
        }
    }

    public void Remove(ITrackedSession session)
    {
        lock (_lock)
        {
            _sessions.Remove(session.Id);
        }
    }

    public bool TryGet(long id, [NotNullWhen(true)] out ITrackedSession? session)
    {
        lock (_lock)
        {
            return _sessions.TryGetValue(id, out session);
        }
    }

    /// <summary>The numbers alone: a session that lives stays untouched.</summary>
    public long[] Ids()
    {
        lock (_lock)
        {
            return [.. _sessions.Keys];
        }
    }

    public ITrackedSession[] ToArray()
    {
        lock (_lock)
        {
            return [.. _sessions.Values];
        }
    }
}
