using System.Net;
using System.Net.Sockets;
using Transport.Linux.Connections;

namespace Yarp.Splice.Relay.Managed;

/// <summary>Connects .NET's sockets to the first of several addresses that answers, as <see cref="HappyEyeballs"/> says.</summary>
internal static class AddressRace
{
    /// <param name="addresses">The addresses, those that the source cannot reach included.</param>
    /// <param name="source">The address to connect from; <see langword="null"/> for the one that the system picks.</param>
    /// <param name="cancellationToken">Ends the attempts.</param>
    /// <exception cref="SocketException">The last address to fail failed like this.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<Socket> ConnectAsync(EndPoint[] addresses, IPAddress? source, CancellationToken cancellationToken)
    {
        var endPoints = SourceAddress.Reachable(addresses, source);
        if (endPoints.Length == 0)
        {
            throw new SocketException((int)SocketError.AddressFamilyNotSupported);
        }

        return await HappyEyeballs.RaceAsync(endPoints, (endPoint, over) => ConnectAsync(endPoint, source, over), cancellationToken);
    }

    private static async Task<Socket> ConnectAsync(EndPoint endPoint, IPAddress? source, CancellationToken cancellationToken)
    {
        var isUnix = endPoint.AddressFamily == AddressFamily.Unix;
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            if (!isUnix)
            {
                socket.NoDelay = true;
                if (source is not null)
                {
                    SourceAddress.Bind(socket, source);
                }
            }

            await socket.ConnectAsync(endPoint, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
