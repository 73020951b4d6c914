using System.Globalization;
using System.Security.Cryptography;
using Demo.Gateway.Admin;

namespace Demo.Gateway.Demonstration;

/// <summary>The demonstration's upstreams and the configuration that routes to them, of the same shape as a file.</summary>
internal sealed class DemoSetup : IAsyncDisposable
{
    private readonly SampleUpstream _red;
    private readonly SampleUpstream _blue;
    private readonly EchoUpstream _echo;
    private readonly DemoOptions _options;
    private string _token = "";

    private DemoSetup(SampleUpstream red, SampleUpstream blue, EchoUpstream echo, DemoOptions options)
    {
        _red = red;
        _blue = blue;
        _echo = echo;
        _options = options;
    }

    public string HttpUrl => $"http://127.0.0.1:{_options.HttpPort}";

    public int TcpPort => _options.TcpPort;

    public IReadOnlyDictionary<string, string?> Configuration => new Dictionary<string, string?>
    {
        ["ReverseProxy:Routes:site:ClusterId"] = "web",
        ["ReverseProxy:Routes:site:Match:Path"] = "{**catch-all}",
        ["ReverseProxy:Routes:echo:ClusterId"] = "echo",
        ["ReverseProxy:Routes:echo:Mode"] = "Splice",
        ["ReverseProxy:Routes:echo:Match:Hosts:0"] = string.Create(CultureInfo.InvariantCulture, $"*:{TcpPort}"),
        ["ReverseProxy:Routes:echo:Splice:Listen"] = "127.0.0.1",
        ["ReverseProxy:Clusters:web:LoadBalancingPolicy"] = "RoundRobin",
        ["ReverseProxy:Clusters:web:Destinations:red:Address"] = _red.Address,
        ["ReverseProxy:Clusters:web:Destinations:blue:Address"] = _blue.Address,
        ["ReverseProxy:Clusters:echo:Destinations:echo:Address"] = $"tcp://{_echo.EndPoint}",
    };

    public static async Task<DemoSetup> StartAsync(DemoOptions options) =>
        new(await SampleUpstream.StartAsync("red"), await SampleUpstream.StartAsync("blue"), EchoUpstream.Start(), options);

    /// <summary>Lets the dashboard act: a token for this run, unless one is configured.</summary>
    public void ChooseToken(IConfigurationManager configuration)
    {
        var key = $"{AdminOptions.SectionName}:{nameof(AdminOptions.Token)}";
        _token = configuration[key] ?? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        configuration[key] = _token;
    }

    public string Describe(string httpUrl, string? adminUrl) => $"""

        Nothing is configured, so this is the demonstration:

          HTTP  {httpUrl}  -> two sample upstreams in turn
          TCP   127.0.0.1:{TcpPort}  -> an echo upstream, by splice(2)

        Try:

          curl {httpUrl}/hello
          nc 127.0.0.1 {TcpPort}{DescribeDashboard(adminUrl)}

        Ctrl-C stops it; --config FILE serves routes of your own, --help says more.

        """;

    public async ValueTask DisposeAsync()
    {
        await _red.DisposeAsync();
        await _blue.DisposeAsync();
        _echo.Dispose();
    }

    private string DescribeDashboard(string? adminUrl) =>
        adminUrl is null ? "" : $"\n  {adminUrl} in a browser: the dashboard; its actions need the token {_token}";
}
