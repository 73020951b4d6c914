using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Observe;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>Asks a gateway's admin endpoint, which listens on a port that the system has chosen.</summary>
internal sealed class AdminClient : IDisposable
{
    public const string Token = "0123456789abcdef-test";

    private const string Said = "Admin endpoint and dashboard on ";

    private readonly HttpClient _http;
    private readonly bool _isForOthers;

    private AdminClient(string address, int processId)
    {
        _isForOthers = address.Contains("0.0.0.0", StringComparison.Ordinal);
        Address = new Uri(address.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal));
        // Fewer than the endpoint allows, so that a crowd of requests meets its other limits. The gateway may be in another network namespace.
        _http = new HttpClient(new SocketsHttpHandler
        {
            MaxConnectionsPerServer = 32,
            ConnectCallback = async (context, stop) =>
            {
                var socket = await NetworkNamespace.RunWithAsync(processId, static () => new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
                try
                {
                    await socket.ConnectAsync(context.DnsEndPoint, stop);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        })
        { BaseAddress = Address, Timeout = Deadline.Default };
    }

    public Uri Address { get; }

    public static async Task<AdminClient> FindAsync(Gateway gateway)
    {
        await gateway.Program.WaitForOutputAsync(Said);
        var line = gateway.Program.Output.Split('\n').First(static line => line.Contains(Said, StringComparison.Ordinal));
        var from = line.IndexOf(Said, StringComparison.Ordinal) + Said.Length;
        return new AdminClient(line[from..line.IndexOf(';', from)], gateway.Program.ProcessId);
    }

    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, string? token = null, string? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        return await _http.SendAsync(request);
    }

    public async Task<JsonNode> GetAsync(string path)
    {
        using var response = await SendAsync(HttpMethod.Get, path);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {text}");
        return JsonNode.Parse(text)!;
    }

    /// <summary>The metrics, through the strict parser; asked for again where others have asked too often.</summary>
    public async Task<PrometheusParser> ScrapeAsync()
    {
        HttpResponseMessage? response = null;
        try
        {
            await Deadline.UntilAsync(
                async () =>
                {
                    response?.Dispose();
                    response = await SendAsync(HttpMethod.Get, "/metrics", _isForOthers ? Token : null);
                    return response.StatusCode != HttpStatusCode.TooManyRequests;
                },
                static () => "the admin endpoint is still asked too often");
            Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response!.Content.Headers.ContentType!.ToString());
            return PrometheusParser.Parse(await response.Content.ReadAsStringAsync());
        }
        finally
        {
            response?.Dispose();
        }
    }

    public void Dispose() => _http.Dispose();
}
