using System.Diagnostics;
using System.Net.Sockets;
using Transport.Linux.Interop;
using Yarp.Splice.Interop;

namespace Yarp.Splice.Relay.Paths;

/// <summary>Proves over loopback that splice(2) moves bytes from a socket through a pipe to another socket. Takes some milliseconds.</summary>
internal static class SpliceProbe
{
    private const int Chunk = 32 * 1024;
    private const int Chunks = 8;

    // As long as a busy machine may need; sandboxes that know the call but move nothing must not hold the probe up for ever.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    /// <summary>What does not work, or <see langword="null"/>.</summary>
    public static string? Run()
    {
        if (!new PipePool().TryRent(out var pipe, out var reason))
        {
            return reason;
        }

        try
        {
            var (client, clientSide) = LoopbackPair.Connect();
            using (client)
            using (clientSide)
            {
                var (upstreamSide, upstream) = LoopbackPair.Connect();
                using (upstreamSide)
                using (upstream)
                {
                    return Exchange(client, clientSide, pipe, upstreamSide, upstream);
                }
            }
        }
        catch (SocketException exception)
        {
            return $"the probe on loopback failed: {exception.Message}";
        }
        finally
        {
            pipe.Close();
        }
    }

    private static string? Exchange(Socket client, Socket clientSide, RelayPipe pipe, Socket upstreamSide, Socket upstream)
    {
        var payload = new byte[Chunk];
        var received = new byte[Chunk];
        for (var chunk = 0; chunk < Chunks; chunk++)
        {
            new Random(chunk).NextBytes(payload);
            client.Send(payload);
            var count = 0;
            for (var started = Stopwatch.GetTimestamp(); count < Chunk && Stopwatch.GetElapsedTime(started) < s_patience;)
            {
                if (clientSide.Poll(TimeSpan.FromMilliseconds(1), SelectMode.SelectRead)
                    && (Move(clientSide, pipe.WriteEnd, isIn: true) ?? Move(upstreamSide, pipe.ReadEnd, isIn: false)) is { } mistake)
                {
                    return mistake;
                }

                if (upstream.Poll(TimeSpan.FromMilliseconds(1), SelectMode.SelectRead))
                {
                    count += upstream.Receive(received.AsSpan(count));
                }
            }

            if (!received.AsSpan().SequenceEqual(payload))
            {
                return $"the probe's bytes were damaged or stopped within the {Chunk} after {chunk * Chunk}";
            }
        }

        return null;
    }

    private static string? Move(Socket socket, int pipe, bool isIn)
    {
        var descriptor = (int)socket.Handle;
        var moved = isIn ? SpliceCalls.Splice(descriptor, pipe, Chunk) : SpliceCalls.Splice(pipe, descriptor, Chunk);
        return moved >= 0 || moved == -Errno.EAGAIN ? null : $"splice(2) {(isIn ? "from a socket into a pipe" : "from a pipe into a socket")}: {Errno.Describe((int)-moved)}";
    }
}
