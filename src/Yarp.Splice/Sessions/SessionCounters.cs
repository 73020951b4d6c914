using Yarp.Splice.Relay.Paths;

namespace Yarp.Splice.Sessions;

/// <summary>What the sessions of one event loop between a route and a destination count.</summary>
internal sealed class SessionCounters
{
    private readonly long[] _active = new long[(int)PathKind.Managed + 1];
    private readonly Tally[] _bytes = [.. Enumerable.Range(0, 2 * ((int)PathKind.Managed + 1)).Select(static _ => new Tally())];

    /// <summary>Milliseconds that bytes on their way to the destination waited for it to take them.</summary>
    public Tally StalledToUpstreamMs { get; } = new();

    /// <summary>The same on the way to the client.</summary>
    public Tally StalledToClientMs { get; } = new();

    public void Enter(PathKind path) => Interlocked.Increment(ref _active[(int)path]);

    public void Leave(PathKind path) => Interlocked.Decrement(ref _active[(int)path]);

    public long Active(PathKind path) => Interlocked.Read(ref _active[(int)path]);

    public Tally Bytes(bool isToUpstream, PathKind path) => _bytes[(2 * (int)path) + (isToUpstream ? 1 : 0)];
}
