using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests;

/// <summary>An application with YARP, our routes and a configuration that can be replaced, on loopback.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    public static readonly TimeSpan Patience = Testing.Deadline.OnThisMachine(TimeSpan.FromSeconds(20));

    private static int s_nextPort = Environment.ProcessId * 100;

    private readonly JsonText _json;

    private TestGateway(WebApplication app, JsonText json, CollectedLog log, FakeRelay relay)
    {
        App = app;
        _json = json;
        Log = log;
        Relay = relay;
    }

    public WebApplication App { get; }

    public CollectedLog Log { get; }

    public FakeRelay Relay { get; }

    public int HttpPort => App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
        .Select(static address => new Uri(address).Port).First();

    /// <summary>Builds and maps, but does not start.</summary>
    public static TestGateway Create(string proxyJson, Action<WebApplicationBuilder>? configure = null, bool onLinuxTransport = true)
    {
        var json = new JsonText(Wrap(proxyJson));
        var log = new CollectedLog();
        var relay = new FakeRelay();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.Sources.Add(json);
        builder.Services.AddRouting();
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        if (onLinuxTransport)
        {
            builder.WebHost.UseLinuxZeroCopyTransport();
        }

        builder.Logging.AddProvider(log).SetMinimumLevel(LogLevel.Debug);
        builder.Services.AddSingleton<IRelayEngine>(relay);
        configure?.Invoke(builder);
        var section = builder.Configuration.GetSection("ReverseProxy");
        builder.Services.AddReverseProxy().LoadFromConfig(section).AddSplice(section);
        var app = builder.Build();
        try
        {
            app.MapReverseProxy();
        }
        catch
        {
            ((IDisposable)app).Dispose();
            throw;
        }

        return new TestGateway(app, json, log, relay);
    }

    public static async Task<TestGateway> StartAsync(
        string proxyJson, Action<WebApplicationBuilder>? configure = null, bool onLinuxTransport = true)
    {
        var gateway = Create(proxyJson, configure, onLinuxTransport);
        try
        {
            await gateway.App.StartAsync();
        }
        catch
        {
            await gateway.App.DisposeAsync();
            throw;
        }

        return gateway;
    }

    /// <summary>
    /// A port that nobody listened on a moment ago, each time another one, and below the range that the system gives out by itself
    /// (net.ipv4.ip_local_port_range), so that no other test's connection takes it in the meantime.
    /// </summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = 20000 + (int)((uint)Interlocked.Increment(ref s_nextPort) % 12000);
            using var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
                return port;
            }
            catch (SocketException)
            {
                // In use: the next one.
            }
        }
    }

    /// <summary>Connects and reads until the end of the stream.</summary>
    public static async Task<string> ReadAllAsync(int port, string? send = null)
    {
        using var cancellation = new CancellationTokenSource(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, cancellation.Token);
        var stream = client.GetStream();
        if (send is not null)
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(send), cancellation.Token);
        }

        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(cancellation.Token);
    }

    public void Replace(string proxyJson) => _json.Replace(Wrap(proxyJson));

    public async ValueTask DisposeAsync()
    {
        await App.StopAsync();
        await App.DisposeAsync();
    }

    private static string Wrap(string proxyJson) => $$"""{ "ReverseProxy": {{proxyJson}} }""";
}
