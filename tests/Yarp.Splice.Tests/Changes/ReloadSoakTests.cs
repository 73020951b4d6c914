using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Tests.Tls;

namespace Yarp.Splice.Tests.Changes;

/// <summary>A thousand changes of the configuration while sessions run, come and go.</summary>
[Collection(RunsAlone.Name)]
public sealed class ReloadSoakTests : IDisposable
{
    private const int Reloads = 1000;
    private const int WarmUp = 200;

    // Of the ports that stay: the one with HTTP and sessions by server name.
    private const int Mixed = 3;

    private static readonly byte[] s_hello = HelloBytes.Record(HelloBytes.Body([HelloBytes.Name("pass.example")]));

    private readonly TcpListener _upstream = RelayedSession.Listen();
    private readonly CancellationTokenSource _end = new();
    private long _exchanges;
    private int _churned;

    public void Dispose()
    {
        _upstream.Dispose();
        _end.Dispose();
    }

    [Fact]
    public async Task A_thousand_reloads_under_load_lose_nothing_and_leak_nothing()
    {
        int[] stays = [TestGateway.FreePort(), TestGateway.FreePort(), TestGateway.FreePort(), TestGateway.FreePort()];
        int[] comesAndGoes = [TestGateway.FreePort(), TestGateway.FreePort(), TestGateway.FreePort()];
        await using var gateway = TestGateway.Create(Proxy(0, stays, comesAndGoes), builder =>
        {
            builder.Services.RemoveAll<IRelayEngine>();
            builder.WebHost.UseUrls($"http://127.0.0.1:{stays[Mixed]}");
            // The test's own log keeps every line, and there are some for each request.
            builder.Logging.SetMinimumLevel(LogLevel.Warning);
        });
        gateway.App.MapFallback(static context => context.Response.WriteAsync("site"));
        await gateway.App.StartAsync();
        _ = AnswerAsync();
        var load = Enumerable.Range(0, 8).Select(index => KeepExchangingAsync(stays[index % stays.Length], index % stays.Length == Mixed))
            .Concat(Enumerable.Range(0, stays.Length).Select(index => KeepConnectingAsync(stays[index], index == Mixed)))
            .Append(KeepRequestingAsync(stays[Mixed]))
            .ToArray();

        for (var i = 1; i <= WarmUp; i++)
        {
            await ReloadAsync(gateway, Proxy(i, stays, comesAndGoes));
        }

        var before = Footprint.Measure();
        for (var i = WarmUp + 1; i <= Reloads; i++)
        {
            await ReloadAsync(gateway, Proxy(i, stays, comesAndGoes));
            await ReachAsync(() => Volatile.Read(ref _exchanges) > i && Volatile.Read(ref _churned) > i / 20, load);
        }

        var after = Footprint.Measure();
        await _end.CancelAsync();
        // A session that was cut, or a connection that was refused, ends its task with an exception.
        await Task.WhenAll(load).WaitAsync(TestGateway.Patience);
        after.AssertHasNotGrown(before);

        await gateway.App.StopAsync().WaitAsync(TestGateway.Patience);
        Assert.Equal(0, gateway.App.Services.GetRequiredService<ISessionTable>().Count);
        Assert.DoesNotContain(gateway.Log.Lines, static line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    /// <summary>Each one moves a port, changes a mode, adds or removes a route that drains, and adds or removes a destination that nobody uses.</summary>
    private string Proxy(int number, int[] stays, int[] comesAndGoes)
    {
        var address = $"127.0.0.1:{((IPEndPoint)_upstream.LocalEndpoint).Port}";
        var routes = new List<string>
        {
            Route("first", stays[0], "Copy"),
            Route("second", stays[1], number % 2 == 0 ? "Splice" : "Auto"),
            Route("third", stays[2], number % 7 == 0 ? "Copy" : "Sockmap"),
            Route("mixed", stays[Mixed], "Splice", "pass.example"),
            Route("moving", comesAndGoes[number % 2], "Copy"),
        };
        if (number % 3 == 0)
        {
            routes.Add(Route("draining", comesAndGoes[2], "Copy"));
        }

        var more = number % 5 == 0 ? """ , "z": { "Address": "127.0.0.1:9" } """ : "";
        return $$"""
            { "Routes": { {{string.Join(',', routes)}} },
              "Clusters": { "c": { "LoadBalancingPolicy": "FirstAlphabetical", "Destinations": { "a": { "Address": "{{address}}" } {{more}} } } } }
            """;

        static string Route(string id, int port, string mode, string name = "*") => $$"""
            "{{id}}": { "ClusterId": "c", "Mode": "{{mode}}", "Match": { "Hosts": [ "{{name}}:{{port}}" ] },
                        "Splice": { "Listen": "127.0.0.1", "DrainTimeout": "00:10:00", "OnDestinationRemoved": "Cut" } }
            """;
    }

    private static async Task ReloadAsync(TestGateway gateway, string proxy)
    {
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var routes = gateway.App.Services.GetRequiredService<TcpRoutes>();
        routes.Changed += OnChanged;
        gateway.Replace(proxy);
        await changed.Task.WaitAsync(TestGateway.Patience);
        routes.Changed -= OnChanged;

        void OnChanged() => changed.TrySetResult();
    }

    /// <summary>Lets the load keep up, so that there is some all of the time.</summary>
    private static async Task ReachAsync(Func<bool> isReached, Task[] load)
    {
        for (var watch = Stopwatch.StartNew(); !isReached() && watch.Elapsed < TestGateway.Patience;)
        {
            await Task.WhenAny([.. load, Task.Delay(1)]);
            Assert.DoesNotContain(load, static task => task.IsFaulted);
        }

        Assert.True(isReached(), "the load stands still");
    }

    private async Task AnswerAsync()
    {
        try
        {
            while (true)
            {
                _ = EchoAsync(await _upstream.AcceptSocketAsync());
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The end of the test.
        }

        static async Task EchoAsync(Socket socket)
        {
            using var _ = socket;
            var buffer = new byte[4096];
            int count;
            while ((count = await socket.ReceiveAsync(buffer)) > 0)
            {
                await socket.SendAsync(buffer.AsMemory(0, count));
            }

            socket.Shutdown(SocketShutdown.Send);
        }
    }

    /// <summary>One session for all of the time.</summary>
    private async Task KeepExchangingAsync(int port, bool byName)
    {
        using var client = await ConnectAsync(port, byName);
        while (!_end.IsCancellationRequested)
        {
            await ExchangeAsync(client);
            Interlocked.Increment(ref _exchanges);
            await Task.Yield();
        }

        await FinishAsync(client);
    }

    /// <summary>One session after the other.</summary>
    private async Task KeepConnectingAsync(int port, bool byName)
    {
        while (!_end.IsCancellationRequested)
        {
            using var client = await ConnectAsync(port, byName);
            await ExchangeAsync(client);
            await FinishAsync(client);
            Interlocked.Increment(ref _churned);
        }
    }

    /// <summary>HTTP requests on a connection that is kept, on the port that sessions by name have too.</summary>
    private async Task KeepRequestingAsync(int port)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TestGateway.Patience };
        while (!_end.IsCancellationRequested)
        {
            Assert.Equal("site", await http.GetStringAsync(new Uri("/", UriKind.Relative)));
        }
    }

    private static async Task<Socket> ConnectAsync(int port, bool byName)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port)).WaitAsync(TestGateway.Patience);
        if (byName)
        {
            await ExchangeAsync(client, s_hello);
        }

        return client;
    }

    private static Task ExchangeAsync(Socket client)
    {
        var bytes = new byte[64];
        Random.Shared.NextBytes(bytes);
        return ExchangeAsync(client, bytes);
    }

    private static async Task ExchangeAsync(Socket client, byte[] sent)
    {
        await client.SendAsync(sent).WaitAsync(TestGateway.Patience);
        var received = new byte[sent.Length];
        for (var got = 0; got < received.Length;)
        {
            var count = await client.ReceiveAsync(received.AsMemory(got)).AsTask().WaitAsync(TestGateway.Patience);
            Assert.NotEqual(0, count);
            got += count;
        }

        Assert.Equal(sent, received);
    }

    private static async Task FinishAsync(Socket client)
    {
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(TestGateway.Patience));
    }

    /// <summary>What the process holds.</summary>
    private sealed record Footprint(int Descriptors, int Threads, long Timers, long HeapBytes)
    {
        public static Footprint Measure()
        {
            var heap = GC.GetTotalMemory(forceFullCollection: true);
            using var process = Process.GetCurrentProcess();
            return new Footprint(Directory.GetFiles("/proc/self/fd").Length, process.Threads.Count, Timer.ActiveCount, heap);
        }

        /// <summary>What the load has open at one moment, and what the test's own log keeps, is some; a leak would be one for each reload.</summary>
        public void AssertHasNotGrown(Footprint before)
        {
            const int Some = (Reloads - WarmUp) / 10;
            Assert.True(Descriptors < before.Descriptors + Some, $"descriptors: {before.Descriptors}, then {Descriptors}");
            Assert.True(Threads < before.Threads + Some, $"threads: {before.Threads}, then {Threads}");
            Assert.True(Timers < before.Timers + Some, $"timers: {before.Timers}, then {Timers}");
            Assert.True(HeapBytes < before.HeapBytes + (16L * 1024 * 1024), $"bytes on the heap: {before.HeapBytes}, then {HeapBytes}");
        }
    }
}
