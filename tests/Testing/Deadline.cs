using System.Net;
using System.Net.Sockets;

namespace Testing;

/// <summary>How long tests wait for an event before they give up.</summary>
public static class Deadline
{
    public static readonly TimeSpan Default = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits until something listens on the loopback port.</summary>
    public static async Task UntilListeningAsync(int port, Func<string> describeFailure)
    {
        using var timeout = new CancellationTokenSource(Default);
        while (true)
        {
            try
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), timeout.Token);
                return;
            }
            catch (SocketException)
            {
                await WaitAsync(timeout, describeFailure);
            }
        }
    }

    /// <summary>Waits for a condition that only asking can tell.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> describeFailure)
    {
        using var timeout = new CancellationTokenSource(Default);
        while (!await condition())
        {
            await WaitAsync(timeout, describeFailure);
        }
    }

    private static async Task WaitAsync(CancellationTokenSource timeout, Func<string> describeFailure)
    {
        try
        {
            await Task.Delay(s_pollInterval, timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException(describeFailure());
        }
    }
}
