using System.Globalization;
using System.Security.Cryptography;

namespace Soak.Loads;

/// <summary>An upload or a download over HTTP/1.1 with connections that are kept.</summary>
internal sealed class HttpLoad : ILoad, IDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromSeconds(20) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public string Name => "HTTP";

    public int Weight => 30;

    public async Task<long> RunAsync(int port, Random random, CancellationToken cancellationToken)
    {
        var size = LoadConnection.DrawSize(random);
        var seed = random.Next();
        var address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/bytes?size={size}&seed={seed}"));
        using var request = new HttpRequestMessage(random.Next(2) == 0 ? HttpMethod.Get : HttpMethod.Post, address);
        var expected = await HashPump.SendAsync(Stream.Null, size, seed, cancellationToken);
        if (request.Method == HttpMethod.Post)
        {
            var body = new byte[size];
            await HashPump.SendAsync(new MemoryStream(body), size, seed, cancellationToken);
            request.Content = new ByteArrayContent(body);
        }

        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        string actual;
        if (request.Method == HttpMethod.Post)
        {
            actual = await response.Content.ReadAsStringAsync(cancellationToken);
        }
        else
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            actual = Convert.ToHexString(await SHA256.HashDataAsync(stream, cancellationToken));
        }

        return actual == expected ? size : throw new WrongBytesException($"{request.Method} of {size} bytes: another hash");
    }

    public void Dispose() => _client.Dispose();
}
