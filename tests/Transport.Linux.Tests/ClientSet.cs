using System.Net;
using System.Net.Sockets;

namespace Transport.Linux.Tests;

/// <summary>Clients that have connected and send nothing.</summary>
internal sealed class ClientSet : IDisposable
{
    public List<Socket> Sockets { get; } = [];

    public static async Task<ClientSet> ConnectAsync(EndPoint endPoint, int count)
    {
        var clients = new ClientSet();
        for (var i = 0; i < count; i++)
        {
            var protocol = endPoint is UnixDomainSocketEndPoint ? ProtocolType.Unspecified : ProtocolType.Tcp;
            var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, protocol);
            clients.Sockets.Add(socket);
            await socket.ConnectAsync(endPoint).WaitAsync(Deadline.Default);
        }

        return clients;
    }

    public void Dispose() => Sockets.ForEach(static socket => socket.Dispose());
}
