using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Transport.Linux.Files;

namespace Transport.Linux.Tests.Files;

/// <summary>A folder of files of its own, served by ASP.NET Core's static files with <c>UseSendFile</c>.</summary>
internal sealed class FileSite : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TemporaryFolder _folder;
    private readonly MetricReadings _metrics;
    private readonly ConcurrentQueue<ISendFileFeature> _responses;

    private FileSite(WebApplication app, TemporaryFolder folder, MetricReadings metrics, ConcurrentQueue<ISendFileFeature> responses, RecordingLoggerFactory log)
    {
        _responses = responses;
        _app = app;
        _folder = folder;
        Root = app.Environment.ContentRootPath;
        _metrics = metrics;
        Log = log;
    }

    public string Root { get; }

    public RecordingLoggerFactory Log { get; }

    public Uri Address => new(_app.Urls.Single());

    public IPEndPoint EndPoint => IPEndPoint.Parse(Address.Authority);

    public OpenFileCache Cache => _app.Services.GetRequiredService<OpenFileCache>();

    /// <summary>What was written for sendfile(2) to send.</summary>
    public long WrittenForKernel => _responses.Sum(static response => response.BytesSent);

    /// <summary>What sendfile(2) has sent, as the metrics say: a connection adds its bytes when its loop has to do with it, and when it is closed.</summary>
    public double SentByKernel => _metrics.Sum("transport.linux.sendfile.bytes");

    public double WaitsForDisk => _metrics.Sum("transport.linux.sendfile.waits");

    public double ActiveConnections => _metrics.Sum("transport.linux.connections.active");

    /// <param name="useSockets">Kestrel's own transport instead of ours.</param>
    /// <param name="files">Options of the cache of open files.</param>
    /// <param name="listen">Options of the endpoint.</param>
    /// <param name="kestrel">Options of Kestrel.</param>
    /// <param name="transport">Options of our transport.</param>
    /// <param name="use">Middleware between <c>UseSendFile</c> and the static files.</param>
    public static async Task<FileSite> StartAsync(
        bool useSockets = false,
        Action<SendFileOptions>? files = null,
        Action<ListenOptions>? listen = null,
        Action<KestrelServerOptions>? kestrel = null,
        Action<LinuxTransportOptions>? transport = null,
        Action<WebApplication>? use = null)
    {
        var log = new RecordingLoggerFactory();
        var metrics = new MetricReadings();
        var builder = useSockets ? WebApplication.CreateSlimBuilder() : KestrelServer.CreateBuilder(transport);
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(metrics.Factory);
        builder.Services.AddSendFile(options => files?.Invoke(options));
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(options =>
        {
            options.Listen(IPAddress.Loopback, 0, listening => listen?.Invoke(listening));
            kestrel?.Invoke(options);
        });
        // A folder within the temporary one, so that there is a parent to be kept from.
        var folder = new TemporaryFolder("send-file");
        var root = Directory.CreateDirectory(folder["www"]);
        builder.Environment.ContentRootPath = root.FullName;
        var app = builder.Build();
        var responses = new ConcurrentQueue<ISendFileFeature>();
        app.UseSendFile();
        app.Use((context, next) =>
        {
            if (context.Features.Get<IHttpResponseBodyFeature>() is ISendFileFeature response)
            {
                responses.Enqueue(response);
            }

            return next(context);
        });
        use?.Invoke(app);
        app.UseStaticFiles(new StaticFileOptions
        {
            FileProvider = new PhysicalFileProvider(root.FullName),
            ContentTypeProvider = new FileExtensionContentTypeProvider(),
        });
        await app.StartAsync();
        return new FileSite(app, folder, metrics, responses, log);
    }

    public string PathOf(string name) => Path.Combine(Root, name);

    /// <summary>Writes a file of bytes that differ from file to file and from place to place; returns them.</summary>
    public byte[] Write(string name, int length)
    {
        var bytes = new byte[length];
        new Random(name.GetHashCode(StringComparison.Ordinal)).NextBytes(bytes);
        File.WriteAllBytes(PathOf(name), bytes);
        return bytes;
    }

    public HttpClient CreateClient() => new() { BaseAddress = Address, Timeout = Deadline.Default };

    public async Task<Socket> ConnectAsync(int? receiveBuffer = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (receiveBuffer is { } size)
        {
            socket.ReceiveBufferSize = size;
        }

        await socket.ConnectAsync(EndPoint).WaitAsync(Deadline.Default);
        return socket;
    }

    /// <summary>How many descriptors of this process lead to files of the site, deleted ones included.</summary>
    public int CountOpenDescriptors() => Directory.GetFiles("/proc/self/fd")
        .Select(static link => new FileInfo(link).LinkTarget)
        .Count(target => target is not null && target.StartsWith(Root, StringComparison.Ordinal));

    public Task UntilClosedAsync() => Deadline.UntilAsync(
        () => Task.FromResult(ActiveConnections == 0), () => $"{ActiveConnections} connections are still open");

    /// <summary>Waits until the last descriptor of the site's files is closed.</summary>
    public Task UntilNothingIsOpenAsync() => Deadline.UntilAsync(
        () => Task.FromResult(CountOpenDescriptors() == 0), () => $"{CountOpenDescriptors()} descriptors are still open");

    /// <summary>Makes the next read of the file one of the disk: dd(1) with nocache, which is posix_fadvise(2).</summary>
    public void DropFromPageCache(string name)
    {
        using var dd = Process.Start("dd", [$"of={PathOf(name)}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
        dd.WaitForExit();
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync().WaitAsync(Deadline.Default);
        await _app.DisposeAsync();
        _metrics.Dispose();
        _folder.Dispose();
    }

    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexString(SHA256.HashData(bytes));
}
