using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace EndToEnd.Tests.Fixtures;

/// <summary>Takes what an OTLP exporter sends over HTTP, and keeps the names of instruments that are in it.</summary>
internal sealed partial class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly ConcurrentDictionary<string, bool> _names = new();

    private OtlpCollector(WebApplication application) => _application = application;

    public string Address => _application.Urls.First();

    public IEnumerable<string> Names => _names.Keys;

    public static async Task<OtlpCollector> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var application = builder.Build();
        var collector = new OtlpCollector(application);
        application.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            if (context.Request.Path == "/v1/metrics")
            {
                // Names are plain strings in the protocol buffer.
                foreach (var match in InstrumentNames().Matches(Encoding.Latin1.GetString(body.ToArray())).Cast<Match>())
                {
                    collector._names[match.Value] = true;
                }
            }

            context.Response.ContentType = "application/x-protobuf";
        });
        await application.StartAsync();
        return collector;
    }

    public async ValueTask DisposeAsync() => await _application.DisposeAsync();

    [GeneratedRegex(@"\b(splice|transport|gateway)(\.[a-z_]+)+")]
    private static partial Regex InstrumentNames();
}
