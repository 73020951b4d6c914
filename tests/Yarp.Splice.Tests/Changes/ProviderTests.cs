using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;

namespace Yarp.Splice.Tests.Changes;

/// <summary>Routes that come from code: from YARP's provider in memory, and from one of an application's own. No configuration section has them.</summary>
public sealed class ProviderTests : IDisposable
{
    private readonly TcpListener _upstream = RelayedSession.Listen();

    public enum Kind
    {
        InMemory,
        Own,
    }

    public void Dispose() => _upstream.Dispose();

    [Theory]
    [InlineData(Kind.InMemory)]
    [InlineData(Kind.Own)]
    public async Task Routes_open_and_close_their_ports_with_each_update(Kind kind)
    {
        var (first, second) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await StartAsync(kind, Route("first", first));
        using var session = await RelayedSession.OpenAsync(first, _upstream);
        await session.ExchangeAsync();

        gateway.Update(Route("second", second));
        await gateway.Log.WaitForAsync("Route second listens on");

        using var other = await RelayedSession.OpenAsync(second, _upstream);
        await other.ExchangeAsync();
        await session.ExchangeAsync();
        await Assert.ThrowsAnyAsync<SocketException>(() => RelayedSession.OpenAsync(first, _upstream));
    }

    [Theory]
    [InlineData(Kind.InMemory)]
    [InlineData(Kind.Own)]
    public async Task An_update_with_mistakes_changes_nothing_and_each_mistake_is_logged(Kind kind)
    {
        var (kept, refused) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await StartAsync(kind, Route("kept", kept));
        using var session = await RelayedSession.OpenAsync(kept, _upstream);

        gateway.Update(
            Route("good", refused),
            Route("one", TestGateway.FreePort(), ("Splice.Mode", "Teleport"), ("Splice.DrainTimeout", "0")),
            Route("two", TestGateway.FreePort(), ("Splice.OnDestinationRemoved", "Maybe")));

        await gateway.Log.WaitForAsync("the running one is kept: Route 'one': Mode is 'Teleport'; accepted are Copy, Splice, Sockmap, Auto.");
        await gateway.Log.WaitForAsync("Route 'one': Splice:DrainTimeout is '0'; accepted is a time span above 0 and up to 30.00:00:00");
        await gateway.Log.WaitForAsync("Route 'two': Splice:OnDestinationRemoved is 'Maybe'; accepted is Keep, Cut.");
        await session.ExchangeAsync();
        await Assert.ThrowsAnyAsync<SocketException>(() => RelayedSession.OpenAsync(refused, _upstream));
        using var next = await RelayedSession.OpenAsync(kept, _upstream);

        gateway.Update(Route("good", refused));
        await gateway.Log.WaitForAsync("Route good listens on");
    }

    private static RouteConfig Route(string id, int port, params (string Key, string Value)[] metadata)
    {
        var all = new Dictionary<string, string> { ["Splice.Mode"] = "Copy", ["Splice.Listen"] = "127.0.0.1" };
        foreach (var (key, value) in metadata)
        {
            all[key] = value;
        }

        return new RouteConfig { RouteId = id, ClusterId = "c", Match = new RouteMatch { Hosts = [$"*:{port}"] }, Metadata = all };
    }

    private async Task<CodeGateway> StartAsync(Kind kind, params RouteConfig[] routes)
    {
        var cluster = new ClusterConfig
        {
            ClusterId = "c",
            Destinations = new Dictionary<string, DestinationConfig>
            {
                ["d"] = new() { Address = $"tcp://127.0.0.1:{((IPEndPoint)_upstream.LocalEndpoint).Port}" },
            },
        };
        var log = new CollectedLog();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0").UseLinuxZeroCopyTransport();
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Debug);
        Action<RouteConfig[]> update;
        if (kind == Kind.InMemory)
        {
            var provider = new InMemoryConfigProvider(routes, [cluster]);
            builder.Services.AddSingleton<IProxyConfigProvider>(provider);
            update = changed => provider.Update(changed, [cluster]);
        }
        else
        {
            var provider = new OwnProvider(routes, cluster);
            builder.Services.AddSingleton<IProxyConfigProvider>(provider);
            update = provider.Update;
        }

        builder.Services.AddReverseProxy().AddSplice(static _ => { });
        var app = builder.Build();
        app.MapReverseProxy();
        await app.StartAsync();
        return new CodeGateway(app, log, update);
    }

    private sealed class CodeGateway(WebApplication app, CollectedLog log, Action<RouteConfig[]> update) : IAsyncDisposable
    {
        public CollectedLog Log => log;

        public void Update(params RouteConfig[] routes) => update(routes);

        public async ValueTask DisposeAsync()
        {
            using var atOnce = new CancellationTokenSource();
            await atOnce.CancelAsync();
            await Record.ExceptionAsync(() => app.StopAsync(atOnce.Token));
            await app.DisposeAsync();
        }
    }

    /// <summary>What an application would write over a database or a service registry: a snapshot, and a token that says when it is out of date.</summary>
    private sealed class OwnProvider(RouteConfig[] routes, ClusterConfig cluster) : IProxyConfigProvider
    {
        private volatile Snapshot _current = new(routes, cluster);

        public IProxyConfig GetConfig() => _current;

        public void Update(RouteConfig[] changed)
        {
            var old = _current;
            _current = new Snapshot(changed, cluster);
            old.Outdate();
        }

        private sealed class Snapshot(RouteConfig[] routes, ClusterConfig cluster) : IProxyConfig
        {
            private readonly CancellationTokenSource _outdated = new();

            public IReadOnlyList<RouteConfig> Routes => routes;

            public IReadOnlyList<ClusterConfig> Clusters { get; } = [cluster];

            public IChangeToken ChangeToken => new CancellationChangeToken(_outdated.Token);

            public void Outdate() => _outdated.Cancel();
        }
    }
}
