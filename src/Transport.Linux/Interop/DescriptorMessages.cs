namespace Transport.Linux.Interop;

/// <summary>Messages with descriptors over a SOCK_SEQPACKET socket, one call each, without blocking.</summary>
internal static class DescriptorMessages
{
    /// <summary>What the kernel takes with one message.</summary>
    public const int MaxDescriptors = SocketCalls.MaxDescriptors;

    /// <returns>False if the other side must read first.</returns>
    /// <exception cref="IOException">The kernel refused; the other side has gone, perhaps.</exception>
    public static bool TrySend(int socket, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors)
    {
        var sent = SocketCalls.SendDescriptors(socket, bytes, descriptors);
        return sent >= 0 || (-sent == Errno.EAGAIN ? false : throw new IOException($"sendmsg: {Errno.Describe((int)-sent)}"));
    }

    /// <returns>The number of bytes; 0 if the other side has closed; <see langword="null"/> if there is nothing yet.</returns>
    /// <exception cref="IOException">The kernel refused, or the message is too long.</exception>
    public static int? TryReceive(int socket, Span<byte> bytes, List<int> descriptors)
    {
        var received = SocketCalls.ReceiveDescriptors(socket, bytes, descriptors);
        return received switch
        {
            >= 0 => (int)received,
            _ when -received == Errno.EAGAIN => null,
            // Closed with words of ours unread.
            _ when -received == Errno.ECONNRESET => 0,
            _ => throw new IOException($"recvmsg: {Errno.Describe((int)-received)}"),
        };
    }
}
