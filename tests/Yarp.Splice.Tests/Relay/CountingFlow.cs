using System.Net.Sockets;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Streams whose bytes count up, so that their receiver can tell what is wrong with as many as there are.</summary>
internal static class CountingFlow
{
    private const int Period = 251;

    /// <summary>Sends messages until the socket takes no more for a quarter of a second; returns the number of bytes.</summary>
    public static long SendUntilStopped(this Socket socket, int size)
    {
        socket.Blocking = false;
        // A message begins wherever the last one ended.
        var bytes = Bytes(size + Period);
        var total = 0L;
        while (true)
        {
            var sent = socket.Send(bytes.AsSpan((int)(total % Period), size), SocketFlags.None, out var error);
            if (error == SocketError.Success)
            {
                total += sent;
                Assert.True(total <= KernelQueues.MostOnTheWay, "the sender was never stopped");
            }
            else
            {
                Assert.Equal(SocketError.WouldBlock, error);
                if (!socket.Poll(TimeSpan.FromMilliseconds(250), SelectMode.SelectWrite))
                {
                    break;
                }
            }
        }

        Assert.NotEqual(0, total);
        socket.Blocking = true;
        return total;
    }

    /// <summary>Receives the first bytes of such a stream and checks them.</summary>
    public static async Task ReceiveCountingAsync(this Socket socket, long count) =>
        SocketFlow.AssertSame(Bytes((int)count), await socket.ReceiveExactlyAsync((int)count));

    public static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++)
        {
            bytes[i] = (byte)(i % Period);
        }

        return bytes;
    }
}
