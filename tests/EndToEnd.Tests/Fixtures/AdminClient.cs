using System.Net.Http.Headers;
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

    private AdminClient(Uri address)
    {
        Address = address;
        // Fewer than the endpoint allows, so that a crowd of requests meets its other limits.
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 32 }) { BaseAddress = address, Timeout = Deadline.Default };
    }

    public Uri Address { get; }

    public static async Task<AdminClient> FindAsync(Gateway gateway)
    {
        await gateway.Program.WaitForOutputAsync(Said);
        var line = gateway.Program.Output.Split('\n').First(static line => line.Contains(Said, StringComparison.Ordinal));
        var from = line.IndexOf(Said, StringComparison.Ordinal) + Said.Length;
        return new AdminClient(new Uri(line[from..line.IndexOf(';', from)].Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal)));
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

    /// <summary>The metrics, through the strict parser.</summary>
    public async Task<PrometheusParser> ScrapeAsync()
    {
        using var response = await SendAsync(HttpMethod.Get, "/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        return PrometheusParser.Parse(await response.Content.ReadAsStringAsync());
    }

    public void Dispose() => _http.Dispose();
}
