using System.Net;
using System.Net.Sockets;

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

        if (endPoints.Length == 1)
        {
            return await ConnectAsync(endPoints[0], source, cancellationToken);
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var attempts = new List<Task<Socket>>();
        try
        {
            for (var next = 0; ;)
            {
                var isAnyLeft = next < endPoints.Length;
                if (isAnyLeft)
                {
                    attempts.Add(ConnectAsync(endPoints[next++], source, over.Token));
                    isAnyLeft = next < endPoints.Length;
                }

                var delay = Task.Delay(isAnyLeft ? HappyEyeballs.AttemptDelay : Timeout.InfiniteTimeSpan, over.Token);
                var first = await Task.WhenAny(attempts.Append(delay));
                if (first is not Task<Socket> ended)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    continue;
                }

                attempts.Remove(ended);
                if (ended.IsCompletedSuccessfully || (attempts.Count == 0 && !isAnyLeft))
                {
                    return await ended;
                }
            }
        }
        finally
        {
            await over.CancelAsync();
            foreach (var attempt in attempts)
            {
                _ = CloseAsync(attempt);
            }
        }
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

    private static async Task CloseAsync(Task<Socket> attempt)
    {
        try
        {
            (await attempt).Dispose();
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            // It has lost, as it was meant to.
        }
    }
}
