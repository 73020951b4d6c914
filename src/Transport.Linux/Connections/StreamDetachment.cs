using System.Buffers;

namespace Transport.Linux.Connections;

/// <summary>
/// Finds the outgoing connection beneath another stream, and what that has buffered: the outer stream is read on this thread, not asynchronously,
/// until its read comes down to the connection. That read is then given up, so nothing is taken from the socket.
/// </summary>
internal sealed class StreamDetachment
{
    private const int ReadSize = 4096;

    [ThreadStatic]
    private static StreamDetachment? s_current;

    private EventLoopStream? _reached;

    private StreamDetachment()
    {
    }

    /// <summary>The search that this thread is in.</summary>
    public static StreamDetachment? Current => s_current;

    /// <exception cref="IOException">The outer stream has ended, and will not read from the connection any more.</exception>
    public static (EventLoopStream Connection, ReadOnlyMemory<byte> Unread) Find(Stream stream)
    {
        var search = new StreamDetachment();
        var unread = new ArrayBufferWriter<byte>();
        s_current = search;
        try
        {
            int received;
            while ((received = stream.Read(unread.GetSpan(ReadSize))) > 0)
            {
                unread.Advance(received);
            }
        }
        catch (ReachedException) when (search._reached is not null)
        {
            return (search._reached, unread.WrittenMemory);
        }
        finally
        {
            s_current = null;
        }

        throw new IOException("The stream has ended; its connection cannot be detached.");
    }

    /// <summary>The read has come down to a connection. Does not return.</summary>
    public void Reach(EventLoopStream connection)
    {
        _reached = connection;
        throw new ReachedException();
    }

    private sealed class ReachedException() : Exception("A connection is being detached from the stream that reads it.");
}
