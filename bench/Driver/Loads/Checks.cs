namespace Bench.Driver.Loads;

/// <summary>One exchange with a contestant before anything is measured, to see that it does what the row is about.</summary>
internal static class Checks
{
    public static async Task HttpAsync(int port)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        try
        {
            var body = await client.GetStringAsync(new Uri($"http://127.0.0.1:{port}/"));
            if (body != "Hello, World!")
            {
                throw new BenchException($"Port {port} answered '{body[..Math.Min(body.Length, 80)]}' instead of 'Hello, World!'.");
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            throw new BenchException($"Port {port} did not answer an HTTP request: {exception.Message}");
        }
    }

    public static Func<int, Task> RequestResponse(Bench bench) =>
        port => NativeLoad.RequestResponseAsync(bench, port, connections: 2, bytes: 1000, durationMs: 50);

    public static Func<int, Task> Bulk(Bench bench) => port => NativeLoad.BulkAsync(bench, port, connections: 2, bytes: 4_000_000);
}
