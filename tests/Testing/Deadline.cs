using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Testing;

/// <summary>How long tests wait for an event before they give up.</summary>
public static class Deadline
{
    private const string SlownessVariable = "TESTS_SLOWNESS";

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(50);
    private static readonly double s_slowness = ReadSlowness();

    public static readonly TimeSpan Default = OnThisMachine(TimeSpan.FromSeconds(60));

    /// <summary>A deadline for a real machine, longer on one that is emulated: the environment variable TESTS_SLOWNESS says how many times.</summary>
    public static TimeSpan OnThisMachine(TimeSpan deadline) => deadline * s_slowness;

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

    private static double ReadSlowness()
    {
        var text = Environment.GetEnvironmentVariable(SlownessVariable);
        return text is null ? 1
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var times) && times is >= 1 and <= 1000 ? times
            : throw new InvalidOperationException($"{SlownessVariable} is '{text}'; accepted is a number from 1 to 1000.");
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
