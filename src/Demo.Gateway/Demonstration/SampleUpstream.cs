using System.Net;
using System.Text;

namespace Demo.Gateway.Demonstration;

/// <summary>An HTTP upstream on a free loopback port that answers with its name and what it was asked.</summary>
internal sealed class SampleUpstream : IAsyncDisposable
{
    private readonly WebApplication _application;

    private SampleUpstream(WebApplication application) => _application = application;

    public string Address => _application.Urls.First();

    public static async Task<SampleUpstream> StartAsync(string name)
    {
        // The empty builder reads no configuration: settings meant for the gateway must not move its upstreams.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var application = builder.Build();
        application.Run(context => AnswerAsync(context, name));
        await application.StartAsync();
        return new SampleUpstream(application);
    }

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync();
        await _application.DisposeAsync();
    }

    private static Task AnswerAsync(HttpContext context, string name)
    {
        var answer = new StringBuilder()
            .Append("Hello from ").Append(name).Append('\n')
            .Append(context.Request.Method).Append(' ').Append(context.Request.Path).Append(context.Request.QueryString).Append('\n');
        foreach (var (key, value) in context.Request.Headers.OrderBy(header => header.Key, StringComparer.Ordinal))
        {
            answer.Append(key).Append(": ").Append(value).Append('\n');
        }

        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(answer.ToString(), context.RequestAborted);
    }
}
