using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>A listening descriptor that several loops accept from; closed when the last of them has stopped, if it is ours.</summary>
internal sealed class SharedDescriptor(int descriptor, bool isOwned, int users)
{
    private int _users = users;

    public int Descriptor => descriptor;

    public void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0 && isOwned)
        {
            _ = SocketCalls.Close(descriptor);
        }
    }
}
