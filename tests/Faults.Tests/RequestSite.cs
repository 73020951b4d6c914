using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Transport.Linux;
using Transport.Linux.Tests;
using KestrelServer = Transport.Linux.Tests.KestrelServer;

namespace Faults.Tests;

/// <summary>A site that sends uploads back and has a file, and clients that know every byte of its answers.</summary>
internal sealed class RequestSite : IAsyncDisposable
{
    public const int RequestsOfEach = 30;
    private const int MostBytes = 200_000;
    private const int FileSize = 300_000;
    private const int ZeroCopyThreshold = 16 * 1024;

    private readonly byte[] _content = RandomNumberGenerator.GetBytes(FileSize);
    private readonly TemporaryFolder _folder = new("faults");
    private readonly MetricReadings _metrics = new();
    private readonly X509Certificate2 _certificate = CreateCertificate();
    private readonly Version _version;
    private KestrelServer? _server;

    private RequestSite(HttpProtocols protocol) => _version = protocol == HttpProtocols.Http2 ? HttpVersion.Version20 : HttpVersion.Version11;

    /// <summary>So far, of the transport.</summary>
    public double SendsWithoutCopy => _metrics.Sum("transport.linux.zerocopy.sends");

    /// <param name="pool">Where the transport has its buffers from.</param>
    /// <param name="scheme">http or https.</param>
    /// <param name="protocol">The only one.</param>
    /// <param name="withoutCopy">Whether large answers go out by MSG_ZEROCOPY.</param>
    public static async Task<RequestSite> StartAsync(CountingMemoryPool pool, string scheme, HttpProtocols protocol, bool withoutCopy)
    {
        var site = new RequestSite(protocol);
        var file = site._folder["file"];
        await File.WriteAllBytesAsync(file, site._content);
        site._server = await KestrelServer.StartAsync(
            app =>
            {
                app.UseSendFile();
                app.MapPost("/echo", static context => context.Request.Body.CopyToAsync(context.Response.Body));
                app.MapPost("/at-once", SendBackAtOnceAsync);
                app.MapGet("/file", context =>
                {
                    context.Response.ContentLength = FileSize;
                    return context.Response.SendFileAsync(file);
                });
            },
            configure: options =>
            {
                // Pools of memory nodes would take the place of the counting one.
                options.NumaMode = NumaMode.Off;
                options.ZeroCopySendThreshold = withoutCopy ? ZeroCopyThreshold : null;
            },
            listen: listening =>
            {
                listening.Protocols = protocol;
                if (scheme == "https")
                {
                    listening.UseHttps(site._certificate);
                }
            },
            build: builder => builder.Services.AddSendFile().AddSingleton<IMemoryPoolFactory<byte>>(pool).AddSingleton(site._metrics.Factory));
        return site;
    }

    /// <summary>Uploads that come back, and downloads of the file, over a few connections; how many succeeded.</summary>
    public async Task<int> RunClientAsync(int seed)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
        })
        {
            BaseAddress = new Uri(_server!.Address),
            Timeout = Deadline.Default,
            DefaultRequestVersion = _version,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        var random = new Random(seed);
        var answered = 0;
        for (var i = 0; i < RequestsOfEach; i++)
        {
            var body = new byte[random.Next(MostBytes)];
            random.NextBytes(body);
            try
            {
                if (i % 3 == 0)
                {
                    var answer = await client.GetByteArrayAsync(new Uri("/file", UriKind.Relative));
                    Assert.True(answer.AsSpan().SequenceEqual(_content), "the file's bytes are wrong");
                }
                else
                {
                    using var upload = new ByteArrayContent(body);
                    using var response = await client.PostAsync(new Uri(i % 3 == 1 ? "/echo" : "/at-once", UriKind.Relative), upload);
                    var echo = await response.Content.ReadAsByteArrayAsync();
                    Assert.True(echo.AsSpan().SequenceEqual(body), "the bytes that came back are wrong");
                }

                answered++;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                // Reset by a fault.
            }
        }

        return answered;
    }

    public async ValueTask DisposeAsync()
    {
        await _server!.DisposeAsync();
        _metrics.Dispose();
        _certificate.Dispose();
        _folder.Dispose();
    }

    /// <summary>In one write, which is large enough not to be copied.</summary>
    private static async Task SendBackAtOnceAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body.GetBuffer().AsMemory(0, (int)body.Length));
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
