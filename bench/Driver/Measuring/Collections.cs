using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Bench.Driver.Results;

namespace Bench.Driver.Measuring;

/// <summary>Has a .NET contestant's heap collected while a load runs, by bench/CollectionLoad inside the process, and how often that really happened.</summary>
internal static class Collections
{
    private const string CountKey = "collections";
    private const string PausedKey = "collectionPausesMs";
    private const string SecondsKey = "collectionSeconds";

    public static async Task<Sample> MeasureAsync(string socketPath, Func<Task<Sample>> load)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath));
            var sample = await load();
            socket.Shutdown(SocketShutdown.Send);
            // One short send on the other side, so one receive takes all of it.
            var answer = new byte[128];
            var length = await socket.ReceiveAsync(answer);
            var numbers = Array.ConvertAll(
                Encoding.ASCII.GetString(answer, 0, length).Split(' ', StringSplitOptions.RemoveEmptyEntries),
                static text => double.Parse(text, CultureInfo.InvariantCulture));
            if (numbers.Length != 3)
            {
                throw new BenchException($"The process at {socketPath} ended while it was measured.");
            }

            (sample[CountKey], sample[PausedKey], sample[SecondsKey]) = (numbers[0], numbers[1], numbers[2]);
            return sample;
        }
        catch (SocketException exception)
        {
            throw new BenchException($"Nobody collects at {socketPath}: {exception.Message}");
        }
    }

    /// <summary>Notes, for each contestant, how many collections there were in its measurements and what they took.</summary>
    public static void AddNotes(CaseResult result)
    {
        foreach (var entrant in result.Entrants)
        {
            if (entrant.Median(CountKey) is { } count && entrant.Median(PausedKey) is { } pausedMs && entrant.Median(SecondsKey) is { } seconds)
            {
                entrant.AddNotes([string.Create(CultureInfo.InvariantCulture,
                    $"{count:N0} collections in {seconds:N1} s, which stopped its managed threads for {pausedMs:N0} ms in all (medians of the rounds)")]);
            }
        }
    }
}
