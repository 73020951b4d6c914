using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Transport.Linux.Tests.Files;

/// <summary>Where sendfile(2) cannot send: the file comes all the same, copied.</summary>
[Collection(RunsAlone.Name)]
public class OrdinaryWayTests
{
    private const int Length = 700_000;

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task Get_OverTls_FileIsCopied(HttpProtocols protocols)
    {
        using var certificate = CreateCertificate();
        await using var site = await FileSite.StartAsync(listen: options =>
        {
            options.Protocols = protocols;
            options.UseHttps(certificate);
        });
        using var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
        };
        await AssertCopiedAsync(site, handler, protocols);
    }

    [Fact]
    public async Task Get_Http2WithoutTls_FileIsCopied()
    {
        await using var site = await FileSite.StartAsync(listen: static options => options.Protocols = HttpProtocols.Http2);
        using var handler = new SocketsHttpHandler();
        await AssertCopiedAsync(site, handler, HttpProtocols.Http2);
    }

    [Fact]
    public async Task Get_ConnectionMiddlewareOverTheSocket_FileIsCopied()
    {
        await using var site = await FileSite.StartAsync(listen: static options => options.UseConnectionLogging());
        using var handler = new SocketsHttpHandler();
        await AssertCopiedAsync(site, handler, HttpProtocols.Http1);
    }

    [Fact]
    public async Task Get_MiddlewareReplacesTheBody_FileGoesThroughIt()
    {
        await using var site = await FileSite.StartAsync(use: static app => app.Use(async (context, next) =>
        {
            var body = context.Response.Body;
            using var kept = new MemoryStream();
            context.Response.Body = kept;
            await next(context);
            context.Response.Body = body;
            kept.Position = 0;
            await kept.CopyToAsync(body);
        }));
        using var handler = new SocketsHttpHandler();
        await AssertCopiedAsync(site, handler, HttpProtocols.Http1);
    }

    [Fact]
    public async Task Get_WithoutContentLength_FileIsCopiedInChunks()
    {
        await using var site = await FileSite.StartAsync(use: static app => app.Run(
            static context => context.Response.SendFileAsync(context.Request.Query["path"].ToString())));
        var bytes = site.Write("a.bin", Length);
        using var client = site.CreateClient();
        using var response = await client.GetAsync($"?path={Uri.EscapeDataString(site.PathOf("a.bin"))}");
        Assert.True(response.Headers.TransferEncodingChunked);
        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(await response.Content.ReadAsByteArrayAsync()));
        Assert.Equal(0, site.WrittenForKernel);
    }

    [Fact]
    public void UseSendFile_WithoutAddSendFile_SaysWhatIsMissing()
    {
        var app = WebApplication.CreateSlimBuilder().Build();
        Assert.Contains("AddSendFile", Assert.Throws<InvalidOperationException>(() => app.UseSendFile()).Message, StringComparison.Ordinal);
    }

    private static async Task AssertCopiedAsync(FileSite site, SocketsHttpHandler handler, HttpProtocols protocols)
    {
        var bytes = site.Write("a.bin", Length);
        using var client = new HttpClient(handler)
        {
            BaseAddress = site.Address,
            DefaultRequestVersion = protocols == HttpProtocols.Http2 ? HttpVersion.Version20 : HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Deadline.Default,
        };
        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(await client.GetByteArrayAsync("a.bin")));
        using var request = new HttpRequestMessage(HttpMethod.Get, "a.bin") { Version = client.DefaultRequestVersion, VersionPolicy = client.DefaultVersionPolicy };
        request.Headers.Range = new(1000, 1999);
        using var response = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.Equal(bytes[1000..2000], await response.Content.ReadAsByteArrayAsync());
        Assert.Equal(0, site.WrittenForKernel);
        Assert.Empty(site.Log.Complaints);
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create();
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
    }
}
