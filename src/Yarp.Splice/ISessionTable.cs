namespace Yarp.Splice;

/// <summary>The TCP sessions that live now. A service of the application; callable on any thread.</summary>
public interface ISessionTable
{
    /// <summary>How many sessions there are.</summary>
    int Count { get; }

    /// <summary>Describes a page of sessions, by ascending number. Its cost grows with the number of all sessions, slowly, and with the page.</summary>
    /// <param name="after">Only sessions with a number greater than this one: the last of the page before, or zero.</param>
    /// <param name="limit">The most sessions to describe.</param>
    /// <param name="filter">Which ones; <see langword="null"/> for all.</param>
    /// <returns>The sessions as they are at this moment.</returns>
    IReadOnlyList<SessionRecord> List(long after, int limit, Func<SessionRecord, bool>? filter = null);

    /// <summary>Describes one session.</summary>
    /// <param name="id">Its number.</param>
    /// <returns>The session, or <see langword="null"/> if there is none of this number.</returns>
    SessionRecord? Find(long id);

    /// <summary>Resets both sides of a session.</summary>
    /// <param name="id">Its number.</param>
    /// <returns>Whether there was such a session.</returns>
    bool Cut(long id);

    /// <summary>Resets both sides of every session of a destination.</summary>
    /// <param name="clusterId">The cluster, compared without regard to case.</param>
    /// <param name="destinationId">The destination, likewise.</param>
    /// <returns>How many sessions there were.</returns>
    int CutAll(string clusterId, string destinationId);
}
