using System.Net;
using System.Net.Sockets;

namespace Transport.Linux.Connections;

/// <summary>In which order, and how long after one another, the addresses of a name are tried (RFC 8305).</summary>
internal static class HappyEyeballs
{
    /// <summary>How long an address has for itself before the next one is tried, too: the RFC's recommended Connection Attempt Delay.</summary>
    public static readonly TimeSpan AttemptDelay = TimeSpan.FromMilliseconds(250);

    /// <summary>The same addresses, families by turns, the family of the first one first (section 4).</summary>
    public static IPAddress[] Interleave(IPAddress[] addresses)
    {
        if (addresses.Length < 2)
        {
            return addresses;
        }

        var preferred = new Queue<IPAddress>(addresses.Where(address => address.AddressFamily == addresses[0].AddressFamily));
        var others = new Queue<IPAddress>(addresses.Where(address => address.AddressFamily != addresses[0].AddressFamily));
        var ordered = new List<IPAddress>(addresses.Length);
        while (ordered.Count < addresses.Length)
        {
            if (preferred.TryDequeue(out var address))
            {
                ordered.Add(address);
            }

            if (others.TryDequeue(out address))
            {
                ordered.Add(address);
            }
        }

        return [.. ordered];
    }

    /// <summary>Connects to the first that answers: each has <see cref="AttemptDelay"/> for itself, or until it fails, before the next is tried, too.</summary>
    /// <param name="endPoints">The addresses in their order, at least one.</param>
    /// <param name="connect">Makes one attempt, which the token ends.</param>
    /// <param name="cancellationToken">Ends the attempts.</param>
    /// <exception cref="SocketException">The last attempt to fail failed like this.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<T> RaceAsync<T>(EndPoint[] endPoints, Func<EndPoint, CancellationToken, Task<T>> connect, CancellationToken cancellationToken)
        where T : IDisposable
    {
        if (endPoints.Length == 1)
        {
            return await connect(endPoints[0], cancellationToken);
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var attempts = new List<Task<T>>();
        try
        {
            for (var next = 0; ;)
            {
                var isAnyLeft = next < endPoints.Length;
                if (isAnyLeft)
                {
                    attempts.Add(connect(endPoints[next++], over.Token));
                    isAnyLeft = next < endPoints.Length;
                }

                var delay = Task.Delay(isAnyLeft ? AttemptDelay : Timeout.InfiniteTimeSpan, over.Token);
                var first = await Task.WhenAny(attempts.Append(delay));
                if (first is not Task<T> ended)
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

    private static async Task CloseAsync<T>(Task<T> attempt)
        where T : IDisposable
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
