using Transport.Linux;

namespace Yarp.Splice.Listening;

/// <summary>The sockets of one port that have not sent yet what tells their route: a set for each event loop, used on that loop only.</summary>
internal sealed class WaitingSockets(IReadOnlyList<EventLoop> loops)
{
    private readonly HashSet<SocketPreread>[] _byLoop = [.. loops.Select(static _ => new HashSet<SocketPreread>())];

    public void Add(SocketPreread socket) => _byLoop[socket.Loop.Index].Add(socket);

    public void Remove(SocketPreread socket) => _byLoop[socket.Loop.Index].Remove(socket);

    /// <summary>Closes them all. Callable on any thread; the task ends when every loop has done its part.</summary>
    public Task CloseAllAsync() => Task.WhenAll(loops.Select(CloseAllAsync));

    private Task CloseAllAsync(EventLoop loop)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(_ =>
        {
            foreach (var socket in _byLoop[loop.Index].ToArray())
            {
                socket.Close();
            }

            done.SetResult();
        }, null);
        return done.Task;
    }
}
