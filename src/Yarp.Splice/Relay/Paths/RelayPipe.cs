using Transport.Linux.Interop;

namespace Yarp.Splice.Relay.Paths;

/// <summary>A pipe that carries one direction's bytes from splice to splice.</summary>
internal sealed class RelayPipe(int readEnd, int writeEnd, int capacity)
{
    public int ReadEnd => readEnd;

    public int WriteEnd => writeEnd;

    public int Capacity => capacity;

    /// <summary>Bytes that are in the pipe now.</summary>
    public long Held { get; set; }

    public void Close()
    {
        _ = SocketCalls.Close(readEnd);
        _ = SocketCalls.Close(writeEnd);
    }
}
