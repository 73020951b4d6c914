using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Transport.Linux.Tests;

/// <summary>An application under Kestrel on the transport, with two event loops and everything it logs.</summary>
internal sealed class KestrelServer : IAsyncDisposable
{
    private KestrelServer(WebApplication app, RecordingLoggerFactory log)
    {
        App = app;
        Log = log;
    }

    public WebApplication App { get; }

    public RecordingLoggerFactory Log { get; }

    public string Address => App.Urls.Single();

    public IPEndPoint EndPoint => IPEndPoint.Parse(new Uri(Address).Authority);

    /// <summary>A builder without the loggers that write to the console.</summary>
    public static WebApplicationBuilder CreateBuilder(
        Action<LinuxTransportOptions>? configure = null, RecordingLoggerFactory? log = null, LogLevel minimumLevel = LogLevel.Warning)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        if (log is not null)
        {
            builder.Logging.AddProvider(log).SetMinimumLevel(minimumLevel);
        }

        builder.WebHost.UseLinuxZeroCopyTransport(options =>
        {
            options.ThreadCount = 2;
            configure?.Invoke(options);
        });
        return builder;
    }

    /// <summary>Listens on a port of 127.0.0.1, without a limit on request bodies.</summary>
    public static async Task<KestrelServer> StartAsync(
        Action<WebApplication> map,
        Action<LinuxTransportOptions>? configure = null,
        Action<ListenOptions>? listen = null,
        Action<KestrelServerOptions>? kestrel = null,
        Action<WebApplicationBuilder>? build = null)
    {
        var log = new RecordingLoggerFactory();
        var builder = CreateBuilder(configure, log);
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(options =>
        {
            options.Listen(IPAddress.Loopback, 0, listening => listen?.Invoke(listening));
            options.Limits.MaxRequestBodySize = null;
            kestrel?.Invoke(options);
        });
        build?.Invoke(builder);
        var app = builder.Build();
        map(app);
        await app.StartAsync();
        return new KestrelServer(app, log);
    }

    public async ValueTask DisposeAsync()
    {
        await App.StopAsync().WaitAsync(Deadline.Default);
        await App.DisposeAsync();
    }
}
