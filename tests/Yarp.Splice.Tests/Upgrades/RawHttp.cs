using System.Net.Sockets;
using System.Text;

namespace Yarp.Splice.Tests.Upgrades;

/// <summary>HTTP/1.1 by hand, so that a test decides which bytes share a segment.</summary>
internal static class RawHttp
{
    public static readonly byte[] UpgradeRequest = Encoding.ASCII.GetBytes(
        "GET /chat?x=1 HTTP/1.1\r\nHost: site\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

    public static readonly byte[] SwitchingProtocols = Encoding.ASCII.GetBytes(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");

    /// <summary>The head of a message, up to its empty line and not a byte further.</summary>
    public static async Task<string> ReadHeadAsync(Socket socket)
    {
        var buffer = new byte[16 * 1024];
        for (var known = 0; ;)
        {
            var peeked = await socket.ReceiveAsync(buffer, SocketFlags.Peek).WaitAsync(Deadline.Default);
            Assert.NotEqual(0, peeked);
            var end = buffer.AsSpan(0, peeked).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                return Encoding.ASCII.GetString(await ReadAsync(socket, end + 4));
            }

            // A peek does not wait for more than there was before.
            await Task.Delay(peeked == known ? 10 : 0);
            known = peeked;
        }
    }

    public static async Task<byte[]> ReadAsync(Socket socket, int count)
    {
        var bytes = new byte[count];
        for (var received = 0; received < count;)
        {
            var more = await socket.ReceiveAsync(bytes.AsMemory(received)).AsTask().WaitAsync(Deadline.Default);
            Assert.NotEqual(0, more);
            received += more;
        }

        return bytes;
    }

    public static async Task SendAllAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes).AsTask().WaitAsync(Deadline.Default)..];
        }
    }
}
