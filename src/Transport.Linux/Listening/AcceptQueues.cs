using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>
/// The listening TCP sockets of one event loop, for whoever asks how many connections wait in their accept queues. The lock keeps a socket open while
/// it is asked; the loop takes it only when it starts or stops listening.
/// </summary>
internal sealed class AcceptQueues
{
    private readonly Lock _lock = new();
    private readonly List<int> _listeners = [];

    public void Add(int descriptor)
    {
        lock (_lock)
        {
            _listeners.Add(descriptor);
        }
    }

    /// <summary>To be called before the descriptor is closed.</summary>
    public void Remove(int descriptor)
    {
        lock (_lock)
        {
            _listeners.Remove(descriptor);
        }
    }

    /// <summary>How many connections wait in all queues together, and for how many there is room.</summary>
    public (long Length, long Limit) Read()
    {
        var (length, limit) = (0L, 0L);
        lock (_lock)
        {
            foreach (var listener in _listeners)
            {
                if (SocketCalls.GetAcceptQueue(listener, out var waiting, out var room) >= 0)
                {
                    length += waiting;
                    limit += room;
                }
            }
        }

        return (length, limit);
    }
}
