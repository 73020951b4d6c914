using System.Net;
using System.Net.Sockets;

namespace Demo.Gateway.Demonstration;

/// <summary>A TCP upstream on a free loopback port that sends back what it receives, until the other side has finished.</summary>
internal sealed class EchoUpstream : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();

    private EchoUpstream() => _listener.Start();

    public EndPoint EndPoint => _listener.LocalEndpoint;

    public static EchoUpstream Start()
    {
        var echo = new EchoUpstream();
        _ = echo.AcceptAsync();
        return echo;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var stop = _stop.Token;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                _ = EchoAsync(await _listener.AcceptSocketAsync(stop), stop);
            }
            catch (SocketException)
            {
                // The client was gone before it was accepted.
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static async Task EchoAsync(Socket socket, CancellationToken stop)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            await stream.CopyToAsync(stream, stop);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client reset the connection, or the demonstration ends.
        }
    }
}
