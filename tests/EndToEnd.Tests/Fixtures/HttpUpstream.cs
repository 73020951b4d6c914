using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EndToEnd.Tests.Fixtures;

/// <summary>An HTTP upstream in the test's process: /plain, /client (answers who it is), /upload (answers the hash), /download, /zeros, /slow, and /ws, which echoes.</summary>
internal sealed class HttpUpstream : IAsyncDisposable
{
    public const int DownloadSize = 64 * 1024 * 1024;

    private readonly WebApplication _application;

    private HttpUpstream(WebApplication application) => _application = application;

    public string Address => _application.Urls.First();

    /// <summary>Completes when a request for /slow has sent its first half; the second half waits for <see cref="ReleaseSlow"/>.</summary>
    public TaskCompletionSource SlowStarted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource ReleaseSlow { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="certificate">For HTTPS.</param>
    public static Task<HttpUpstream> StartAsync(CertificateFiles? certificate = null) =>
        StartAsync(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            if (certificate is not null)
            {
                using var pem = X509Certificate2.CreateFromPemFile(certificate.Certificate, certificate.Key);
                endpoint.UseHttps(X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null));
            }
        }));

    /// <summary>On a socket that the test has bound.</summary>
    public static Task<HttpUpstream> StartAsync(Socket listener) => StartAsync(kestrel => kestrel.ListenHandle((ulong)listener.SafeHandle.DangerousGetHandle()));

    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync();
        await _application.StopAsync(atOnce.Token);
        await _application.DisposeAsync();
    }

    private static async Task<HttpUpstream> StartAsync(Action<KestrelServerOptions> listen)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(listen);
        var application = builder.Build();
        var upstream = new HttpUpstream(application);
        application.UseWebSockets();
        application.Run(upstream.AnswerAsync);
        await application.StartAsync();
        return upstream;
    }

    private static async Task UploadAsync(HttpContext context)
    {
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
        var hash = await SHA256.HashDataAsync(context.Request.Body, context.RequestAborted);
        await context.Response.WriteAsync(Convert.ToHexString(hash));
    }

    private static async Task DownloadAsync(HttpContext context)
    {
        context.Response.ContentLength = DownloadSize;
        _ = await Testing.HashPump.SendAsync(context.Response.Body, DownloadSize, seed: 1, context.RequestAborted);
    }

    /// <summary>As much as a download, for next to no processor time.</summary>
    private static async Task SendZerosAsync(HttpContext context)
    {
        context.Response.ContentLength = DownloadSize;
        var zeros = new byte[64 * 1024];
        for (var left = DownloadSize; left > 0; left -= zeros.Length)
        {
            await context.Response.Body.WriteAsync(zeros, context.RequestAborted);
        }
    }

    private static async Task EchoWebSocketAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var message = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
            if (message.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, context.RequestAborted);
        }
    }

    private Task AnswerAsync(HttpContext context) => context.Request.Path.Value switch
    {
        "/client" => context.Response.WriteAsync($"client {context.Request.Headers["X-Forwarded-For"].FirstOrDefault() ?? $"of {context.Request.Host.Host}"}"),
        "/upload" => UploadAsync(context),
        "/download" => DownloadAsync(context),
        "/zeros" => SendZerosAsync(context),
        "/slow" => SlowAsync(context),
        "/ws" => EchoWebSocketAsync(context),
        _ => context.Response.WriteAsync("Hello"),
    };

    private async Task SlowAsync(HttpContext context)
    {
        await context.Response.WriteAsync("first ");
        await context.Response.Body.FlushAsync();
        SlowStarted.TrySetResult();
        await ReleaseSlow.Task;
        await context.Response.WriteAsync("second");
    }
}
