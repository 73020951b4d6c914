using System.Globalization;
using System.Text.RegularExpressions;
using Testing;

namespace EndToEnd.Tests.Fixtures;

/// <summary>Memory of all queues of all TCP sockets in a namespace, as the kernel accounts for it (ss(8), --memory).</summary>
/// <param name="Sockets">How many there are, listening ones included.</param>
internal sealed partial record SocketMemory(int Sockets, long Bytes)
{
    public static async Task<SocketMemory> ReadAsync(NetworkNamespace network)
    {
        var sockets = Queues().Matches(await network.ExecuteAsync("ss", "-tmnH"));
        // What is forward-allocated may be below zero, which ss prints as a large number.
        return new SocketMemory(sockets.Count, sockets.Sum(static socket => socket.Groups.Values.Skip(1).Sum(
            static group => (long)unchecked((int)uint.Parse(group.ValueSpan, CultureInfo.InvariantCulture)))));
    }

    // Received, forward-allocated, queued for writing, backlog.
    [GeneratedRegex(@"skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f(\d+),w(\d+),o\d+,bl(\d+)")]
    private static partial Regex Queues();
}
