using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.Splice;
using Yarp.Splice.Tests.Relay;
using Yarp.Splice.Tests.Upgrades;

namespace Faults.Tests;

/// <summary>A gateway with one HTTP route whose upgraded connections are relayed, a destination that agrees to every upgrade, and its clients.</summary>
internal sealed class UpgradeSite : IAsyncDisposable
{
    private const int LargestHead = 4096;

    private static readonly byte[] s_mark = [1];

    private readonly Socket _upstream = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly RecordingLoggerFactory _log = new();
    private readonly WebApplication _gateway;
    private readonly SpliceReadings _metrics;
    private readonly Task _serving;

    private UpgradeSite(SpliceMode mode)
    {
        _upstream.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _upstream.Listen(512);
        _serving = Exchange.ServeAllAsync(_upstream, ServeAsync, _stop.Token);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Routes:ws:ClusterId"] = "c",
            ["Routes:ws:Match:Path"] = "{**rest}",
            ["Routes:ws:Splice:Upgrades"] = mode.ToString(),
            ["Clusters:c:Destinations:d:Address"] = $"http://{_upstream.LocalEndPoint}",
        });
        builder.Logging.AddProvider(_log);
        builder.Services.AddRouting();
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0").UseLinuxZeroCopyTransport();
        builder.Services.AddReverseProxy().LoadFromConfig(builder.Configuration).AddSplice(builder.Configuration);
        _gateway = builder.Build();
        _gateway.MapReverseProxy();
        _metrics = new SpliceReadings(_gateway.Services.GetRequiredService<IMeterFactory>());
    }

    /// <summary>Connections that YARP copies although the route asks for the relay.</summary>
    public long Managed => _metrics.Sum("splice.fallbacks", ("splice.effective", "Managed"));

    private long Sessions => _metrics.Sum("splice.sessions.active");

    private int Requests =>
        _gateway.Services.GetRequiredService<IProxyStateLookup>().GetClusters().Single().Destinations.Values.Single().ConcurrentRequestCount;

    public static async Task<UpgradeSite> StartAsync(SpliceMode mode)
    {
        var site = new UpgradeSite(mode);
        await site._gateway.StartAsync();
        return site;
    }

    /// <summary>
    /// An upgrade and an <see cref="Exchange"/> behind it; false if the request was not answered, or the connection was reset. Before the exchange, a byte
    /// there and back: the session has begun then, and Kestrel does not see the client's FIN, for which it would give the request up.
    /// </summary>
    public async Task<bool> TryExchangeAsync(int seed)
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await client.ConnectAsync(IPEndPoint.Parse(new Uri(_gateway.Urls.Single()).Authority)).WaitAsync(Deadline.Default);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            // As soon as it was there.
            return false;
        }

        if (!await TrySendAsync(client, RawHttp.UpgradeRequest) || await TryReadHeadAsync(client) is not { } head ||
            !head.StartsWith("HTTP/1.1 101", StringComparison.Ordinal) || !await TrySendAsync(client, s_mark))
        {
            return false;
        }

        var mark = await Exchange.TryReceiveAsync(client, new byte[1]);
        Assert.NotEqual(0, mark);
        return mark is 1 && await Exchange.RunAsync(client, seed, head.Length + 1);
    }

    /// <summary>Waits until no session is left, and nothing that YARP counts.</summary>
    public Task WaitUntilIdleAsync() =>
        Deadline.UntilAsync(() => Task.FromResult(Sessions == 0 && Requests == 0), () => $"{Sessions} sessions, {Requests} requests");

    public async ValueTask DisposeAsync()
    {
        await _gateway.StopAsync().WaitAsync(Deadline.Default);
        await _gateway.DisposeAsync();
        await _stop.CancelAsync();
        await _serving;
        _metrics.Dispose();
        _upstream.Dispose();
        _stop.Dispose();
        Assert.DoesNotContain(_log.Entries, static entry => entry.Level >= LogLevel.Error);
    }

    private static async Task ServeAsync(Socket server)
    {
        if (await TryReadHeadAsync(server) is null || !await TrySendAsync(server, RawHttp.SwitchingProtocols) ||
            await Exchange.TryReceiveAsync(server, new byte[1]) is not 1 || !await TrySendAsync(server, s_mark))
        {
            server.Dispose();
            return;
        }

        await Exchange.ServeAsync(server);
    }

    private static async Task<bool> TrySendAsync(Socket socket, byte[] bytes)
    {
        try
        {
            await RawHttp.SendAllAsync(socket, bytes);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>The head of a message, or <see langword="null"/> if the connection ends before it does. A byte at a time: not one more.</summary>
    private static async Task<string?> TryReadHeadAsync(Socket socket)
    {
        var head = new byte[LargestHead];
        for (var length = 0; await Exchange.TryReceiveAsync(socket, head.AsMemory(length, 1)) == 1;)
        {
            if (head.AsSpan(0, ++length).EndsWith("\r\n\r\n"u8))
            {
                return Encoding.ASCII.GetString(head, 0, length);
            }
        }

        return null;
    }
}
