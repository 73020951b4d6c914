using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Testing;

namespace EndToEnd.Tests.Upgrade;

/// <summary>The upgrade protocol from the new instance's side, spoken by the test, which may stop anywhere. What comes with a message as descriptors is left.</summary>
internal sealed class NewInstance : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
    private readonly byte[] _buffer = new byte[64 * 1024];

    public NewInstance(string path) => _socket.Connect(new UnixDomainSocketEndPoint(path));

    public void Send(string message) => _socket.Send(Encoding.UTF8.GetBytes(message));

    public async Task<JsonNode> ReceiveAsync()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        return JsonNode.Parse(_buffer.AsSpan(0, await _socket.ReceiveAsync(_buffer, timeout.Token)))!;
    }

    /// <summary>Receives until the message says one of these kinds.</summary>
    public async Task<JsonNode> ReceiveAsync(params string[] kinds)
    {
        while (true)
        {
            var message = await ReceiveAsync();
            if (kinds.Contains((string)message["kind"]!))
            {
                return message;
            }
        }
    }

    public void Dispose() => _socket.Dispose();
}
