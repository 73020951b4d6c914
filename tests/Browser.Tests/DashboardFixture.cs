using System.Net.Sockets;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Microsoft.Playwright;
using Testing;

namespace Browser.Tests;

/// <summary>A gateway with TCP and HTTP routes, some traffic, and Debian's Chromium in front of its dashboard.</summary>
internal sealed class DashboardFixture : IAsyncDisposable
{
    /// <summary>What would run if the page took a name for markup.</summary>
    public const string HostileRoute = "<img src=x onerror=\"document.title='owned'\">";

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _traffic = [];
    private readonly List<Socket> _sockets = [];
    private readonly TcpUpstream _upstream;
    private readonly HttpUpstream _http;
    private readonly Gateway _gateway;
    private readonly IPlaywright _playwright;
    private readonly int _tcpPort;
    private readonly int _httpPort;

    private DashboardFixture(TcpUpstream upstream, HttpUpstream http, Gateway gateway, AdminClient admin, IPlaywright playwright, IBrowser browser, int tcpPort, int httpPort)
    {
        _upstream = upstream;
        _http = http;
        _gateway = gateway;
        Admin = admin;
        _playwright = playwright;
        Browser = browser;
        _tcpPort = tcpPort;
        _httpPort = httpPort;
    }

    public AdminClient Admin { get; }

    public IBrowser Browser { get; }

    public static async Task<DashboardFixture> StartAsync(bool isHostile = false)
    {
        var upstream = new TcpUpstream();
        var http = await HttpUpstream.StartAsync();
        var (tcpPort, httpPort) = (FreePort.Next(), FreePort.Next());
        var configuration = GatewayConfiguration.Http(
            http.Address, new JsonObject { ["Http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{httpPort}") });
        var (routes, clusters) = (configuration["ReverseProxy"]!["Routes"]!, configuration["ReverseProxy"]!["Clusters"]!);
        routes[isHostile ? HostileRoute : "postgres"] = GatewayConfiguration.TcpRoute("Splice", tcpPort, "database");
        clusters["database"] = GatewayConfiguration.Cluster($"tcp://127.0.0.1:{upstream.Port}");
        var gateway = await Gateway.StartAsync(configuration, $"--Admin:Token={AdminClient.Token}", "--LinuxTransport:ThreadCount=4");
        var admin = await AdminClient.FindAsync(gateway);
        Assertions.SetDefaultExpectTimeout((float)Deadline.Default.TotalMilliseconds);
        var playwright = await Playwright.CreateAsync();
        // Root's Chromium has no sandbox; what it shows is ours.
        var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Programs.Require("chromium"),
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            Timeout = (float)Deadline.Default.TotalMilliseconds,
        });
        return new DashboardFixture(upstream, http, gateway, admin, playwright, browser, tcpPort, httpPort);
    }

    /// <summary>Opens so many sessions that send something now and then and get it back, until the end; and as much HTTP.</summary>
    public async Task RunTrafficAsync(int sessions)
    {
        for (var i = 0; i < sessions; i++)
        {
            var client = await TcpUpstream.ConnectAsync(_tcpPort, _stop.Token);
            var server = await _upstream.AcceptAsync(_stop.Token);
            _sockets.AddRange([client, server]);
            _traffic.Add(EchoAsync(server));
            _traffic.Add(TalkAsync(client, i));
        }

        _traffic.Add(BrowseAsync());
    }

    /// <summary>Opens and closes one short session after the other, until the end.</summary>
    public void RunShortSessions() => _traffic.Add(ComeAndGoAsync());

    public async Task<IPage> OpenAsync(int width = 1360, int height = 900, ColorScheme scheme = ColorScheme.Light)
    {
        var context = await Browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = scheme,
            ReducedMotion = ReducedMotion.Reduce,
        });
        context.SetDefaultTimeout((float)Deadline.Default.TotalMilliseconds);
        var page = await context.NewPageAsync();
        await page.GotoAsync(Admin.Address.ToString());
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _sockets.ForEach(static socket => socket.Dispose());
        await Task.WhenAll(_traffic);
        await Browser.DisposeAsync();
        _playwright.Dispose();
        Admin.Dispose();
        await _gateway.DisposeAsync();
        await _http.DisposeAsync();
        _upstream.Dispose();
        _stop.Dispose();
    }

    private async Task ComeAndGoAsync()
    {
        try
        {
            while (true)
            {
                using var client = await TcpUpstream.ConnectAsync(_tcpPort, _stop.Token);
                using var server = await _upstream.AcceptAsync(_stop.Token);
                await server.SendAsync(new byte[1], _stop.Token);
                await client.ReceiveAsync(new byte[1], _stop.Token);
                await Task.Delay(100, _stop.Token);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // The test ends.
        }
    }

    private async Task EchoAsync(Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket);
            await stream.CopyToAsync(stream, _stop.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or SocketException)
        {
            // The test ends, or has cut the session.
        }
    }

    private async Task TalkAsync(Socket socket, int seed)
    {
        var random = new Random(seed);
        var message = new byte[seed % 3 == 0 ? 400_000 : random.Next(200, 8000)];
        try
        {
            await using var stream = new NetworkStream(socket);
            while (true)
            {
                var sent = stream.WriteAsync(message, _stop.Token);
                await stream.ReadExactlyAsync(new byte[message.Length], _stop.Token);
                await sent;
                await Task.Delay(random.Next(50, 400), _stop.Token);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or SocketException)
        {
            // As above.
        }
    }

    private async Task BrowseAsync()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_httpPort}"), Timeout = Deadline.Default };
        try
        {
            while (true)
            {
                await http.GetStringAsync(new Uri("/", UriKind.Relative), _stop.Token);
                await Task.Delay(30, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The test ends.
        }
    }
}
