using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Transport.Linux.Interop;

namespace Demo.Gateway.Upgrade;

/// <summary>A connection between the running instance and the new one.</summary>
internal sealed class UpgradeChannel(Socket socket) : IDisposable
{
    private const int SOL_SOCKET = 1;
    private const int SO_PEERCRED = 17;
    private const int LargestMessage = 128 * 1024;

    private readonly byte[] _buffer = new byte[LargestMessage];

    /// <summary>The number of the process on the other side, and its user when it connected or began to listen (unix(7), SO_PEERCRED).</summary>
    public (int ProcessId, uint UserId) Peer { get; } = ReadPeer(socket);

    public static Socket CreateSocket() => new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);

    /// <exception cref="IOException">The other side has gone, or does not read.</exception>
    public void Send(UpgradeMessage message, IReadOnlyList<SafeFileHandle>? descriptors = null)
    {
        var numbers = (descriptors ?? []).Select(static descriptor => (int)descriptor.DangerousGetHandle()).ToArray();
        var bytes = message.ToBytes();
        if (bytes.Length > LargestMessage)
        {
            throw new IOException($"the message '{message.Kind}' would have {bytes.Length} bytes, more than {LargestMessage}");
        }

        while (!DescriptorMessages.TrySend((int)socket.Handle, bytes, numbers))
        {
            Wait(SelectMode.SelectWrite);
        }
    }

    /// <summary>Waits for the next message.</summary>
    /// <param name="descriptors">Gets the descriptors that come with it, also of a message that cannot be read.</param>
    /// <returns><see langword="null"/> if the other side has closed the connection.</returns>
    /// <exception cref="IOException">None has come in time, or it cannot be read.</exception>
    public UpgradeMessage? Receive(List<SafeFileHandle> descriptors)
    {
        var numbers = new List<int>();
        int? received;
        try
        {
            while ((received = DescriptorMessages.TryReceive((int)socket.Handle, _buffer, numbers)) is null)
            {
                Wait(SelectMode.SelectRead);
            }
        }
        finally
        {
            foreach (var handle in numbers.Select(static number => new SafeFileHandle(number, ownsHandle: true)))
            {
                descriptors.Add(handle);
            }
        }

        return received == 0 ? null : Parse(received.Value);
    }

    /// <summary>As <see cref="Receive"/>, for as long as it takes, and without descriptors.</summary>
    public async Task<UpgradeMessage?> ReceiveAsync(CancellationToken cancellationToken)
    {
        try
        {
            var received = await socket.ReceiveAsync(_buffer, cancellationToken);
            return received == 0 ? null : Parse(received);
        }
        catch (SocketException)
        {
            return null;
        }
    }

    public void Dispose() => socket.Dispose();

    private static (int ProcessId, uint UserId) ReadPeer(Socket socket)
    {
        // struct ucred: process, user and group.
        Span<int> credentials = stackalloc int[3];
        _ = socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, MemoryMarshal.AsBytes(credentials));
        return (credentials[0], (uint)credentials[1]);
    }

    private UpgradeMessage Parse(int length) =>
        UpgradeMessage.Parse(_buffer.AsSpan(0, length)) ?? throw new IOException("a message is no object of the upgrade protocol");

    private void Wait(SelectMode mode)
    {
        if (!socket.Poll(UpgradeTimes.Patience, mode))
        {
            throw new IOException($"no answer within {UpgradeTimes.Patience.TotalSeconds:0} seconds");
        }
    }
}
