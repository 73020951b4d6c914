using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Yarp.Splice.Routing;
using Yarp.Splice.Tls;

namespace Yarp.Splice.Listening;

/// <summary>Reads the server name off a Kestrel connection, and leaves every byte in its pipe for whoever gets the connection.</summary>
internal static class ConnectionPreread
{
    /// <returns>Whether there was an answer, which may be that there is no name. Otherwise the deadline has passed.</returns>
    /// <exception cref="IOException">The connection failed.</exception>
    /// <exception cref="ConnectionAbortedException">The connection was aborted, or the server is stopping.</exception>
    public static async ValueTask<(bool IsAnswered, string? ServerName)> ReadServerNameAsync(ConnectionContext connection, TcpPortRoutes port)
    {
        var input = connection.Transport.Input;
        var reader = default(ClientHelloReader);
        // Kestrel waits for its connections when it stops, and nobody else could tell it that this one is idle.
        var stopping = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        CancellationTokenSource? deadline = null;
        try
        {
            while (true)
            {
                if (!input.TryRead(out var result))
                {
                    // One for all reads: the deadline is for the hello, not for the next byte of it.
                    if (deadline is null)
                    {
                        deadline = CancellationTokenSource.CreateLinkedTokenSource(stopping);
                        deadline.CancelAfter(port.PrereadTimeout);
                    }

                    result = await input.ReadAsync(deadline.Token);
                }

                var status = reader.Read(result.Buffer, out var hello);
                if (status != ClientHelloStatus.NeedMore || result.IsCompleted)
                {
                    // Nothing is examined, so that the next read returns at once.
                    input.AdvanceTo(result.Buffer.Start);
                    return (true, hello.ServerName);
                }

                input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            }
        }
        catch (OperationCanceledException exception) when (exception is not ConnectionAbortedException)
        {
            return stopping.IsCancellationRequested ? throw new ConnectionAbortedException("The server is stopping.") : (false, null);
        }
        finally
        {
            deadline?.Dispose();
        }
    }
}
