using Transport.Linux;

namespace Yarp.Splice.Listening;

/// <summary>The sockets of one port that have not sent yet what tells their route: a set for each event loop, used on that loop only.</summary>
internal sealed class WaitingSockets(IReadOnlyList<EventLoop> loops)
{
    private static readonly TimeSpan s_drainInterval = TimeSpan.FromMilliseconds(50);

    private readonly HashSet<SocketPreread>[] _byLoop = [.. loops.Select(static _ => new HashSet<SocketPreread>())];

    public void Add(SocketPreread socket) => _byLoop[socket.Loop.Index].Add(socket);

    public void Remove(SocketPreread socket) => _byLoop[socket.Loop.Index].Remove(socket);

    /// <summary>Closes them all. Callable on any thread; the task ends when every loop has done its part.</summary>
    public Task CloseAllAsync() => OnEachLoopAsync(static waiting =>
    {
        foreach (var socket in waiting.ToArray())
        {
            socket.Close();
        }

        return 0;
    });

    /// <summary>Waits until none is left, which their own deadlines bound.</summary>
    public async Task DrainAsync()
    {
        while ((await OnEachLoopAsync(static waiting => waiting.Count)).Sum() > 0)
        {
            await Task.Delay(s_drainInterval);
        }
    }

    private Task<int[]> OnEachLoopAsync(Func<HashSet<SocketPreread>, int> action) => Task.WhenAll(loops.Select(loop =>
    {
        var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ => done.SetResult(action(_byLoop[loop.Index])), null);
        return done.Task;
    }));
}
