using Bench.HttpServer;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.FileProviders;

var options = ServerOptions.Parse(args);
// Nothing but a server: no configuration files, no logging of requests, no routing, as plaintext benchmarks do.
var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
builder.WebHost.UseKestrelCore();
builder.WebHost.UseUrls($"http://127.0.0.1:{options.Port}");
if (options.UseLinuxTransport)
{
    builder.WebHost.UseLinuxZeroCopyTransport(transport => transport.UnsafePreferInlineScheduling = options.Inline);
}
else
{
    // For the whole effect the driver also sets DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS=1.
    builder.WebHost.UseSockets(transport => transport.UnsafePreferInlineScheduling = options.Inline);
}

if (options.SendFile)
{
    builder.Services.AddSendFile();
}

var payload = "Hello, World!"u8.ToArray();
var app = builder.Build();
if (options.RequestsPerConnection > 0)
{
    app.Use((context, next) =>
    {
        var items = context.Features.GetRequiredFeature<IConnectionItemsFeature>().Items;
        if (!items.TryGetValue(typeof(ConnectionRequestCount), out var value))
        {
            items[typeof(ConnectionRequestCount)] = value = new ConnectionRequestCount();
        }

        // Only a response that announces the close makes a load generator such as wrk open a new connection.
        if (++((ConnectionRequestCount)value!).Value >= options.RequestsPerConnection)
        {
            context.Response.Headers.Connection = "close";
        }

        return next(context);
    });
}

if (options.SendFile)
{
    app.UseSendFile();
}

if (options.Files is { } files)
{
    app.UseStaticFiles(new StaticFileOptions { FileProvider = new PhysicalFileProvider(files) });
}

app.Run(context =>
{
    context.Response.ContentType = "text/plain";
    context.Response.ContentLength = payload.Length;
    return context.Response.Body.WriteAsync(payload, 0, payload.Length);
});
await app.RunAsync();
