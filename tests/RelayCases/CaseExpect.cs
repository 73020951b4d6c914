using System.Net.Sockets;

namespace RelayCases;

/// <summary>What cases check.</summary>
internal static class CaseExpect
{
    public static void True(bool condition, string failure)
    {
        if (!condition)
        {
            throw new CaseFailedException(failure);
        }
    }

    /// <summary>These bytes come next.</summary>
    public static async Task ReceivesAsync(Socket socket, ReadOnlyMemory<byte> expected, string what) =>
        Same(expected, await socket.ReceiveExactlyAsync(expected.Length), what);

    /// <summary>These bytes come next, and then FIN.</summary>
    public static async Task ReceivesToEndAsync(Socket socket, ReadOnlyMemory<byte> expected, string what) =>
        Same(expected, await socket.ReceiveToEndAsync(), what);

    /// <summary>The other side has finished sending.</summary>
    public static async Task FinAsync(Socket socket, string who)
    {
        var end = await socket.ReceiveEndAsync();
        True(end == (0, false), $"{who} got {Describe(end)} instead of FIN");
    }

    /// <summary>The other side has reset the connection.</summary>
    public static async Task ResetAsync(Socket socket, string who)
    {
        var end = await socket.ReceiveEndAsync();
        True(end == (0, true), $"{who} got {Describe(end)} instead of RST");
    }

    /// <summary>It came at the timeout: not much before, and not so long after that it was something else, even on a machine that stood still for seconds.</summary>
    public static void AtTimeout(TimeSpan value, TimeSpan timeout, string what)
    {
        var (from, to) = (timeout * 0.7, timeout + SocketSteps.Patience);
        True(value >= from && value <= to, $"{what} after {value.TotalSeconds:0.00} s, expected {from.TotalSeconds:0.##} to {to.TotalSeconds:0.##} s");
    }

    private static void Same(ReadOnlyMemory<byte> expected, ReadOnlySpan<byte> actual, string what)
    {
        var common = expected.Span.CommonPrefixLength(actual);
        True(common == expected.Length && common == actual.Length,
            $"{what}: {actual.Length} bytes instead of {expected.Length}, equal up to {common}");
    }

    private static string Describe((long Bytes, bool IsReset) end) => (end.Bytes > 0 ? $"{end.Bytes} bytes and " : "") + (end.IsReset ? "RST" : "FIN");
}
