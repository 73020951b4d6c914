using Microsoft.Win32.SafeHandles;
using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>A listening descriptor, and how many loops accept from it; closed when the last of them has stopped, if it is ours.</summary>
internal sealed class SharedDescriptor(int descriptor, bool isOwned, int users)
{
    private readonly Lock _lock = new();
    private int _users = users;

    public bool IsShared { get; } = users > 1;

    public void Release()
    {
        lock (_lock)
        {
            if (--_users == 0 && isOwned)
            {
                _ = SocketCalls.Close(descriptor);
            }
        }
    }

    /// <summary>A second descriptor of the socket; <see langword="null"/> if nobody accepts from it any more.</summary>
    public SafeFileHandle? Duplicate()
    {
        lock (_lock)
        {
            if (_users == 0)
            {
                return null;
            }

            var duplicate = DescriptorCalls.Duplicate(descriptor);
            return duplicate >= 0
                ? new SafeFileHandle(duplicate, ownsHandle: true)
                : throw Errno.ToException("fcntl(F_DUPFD_CLOEXEC)", $"listening descriptor {descriptor}", -duplicate);
        }
    }
}
