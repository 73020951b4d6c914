// YARP and nothing else, on either transport: what differs between two runs of it is the transport alone.
// usage: Bench.YarpServer --transport linux|sockets --config FILE
var transport = Option("--transport");
var config = Option("--config") ?? throw new ArgumentException("--config is missing.");
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
builder.Configuration.AddJsonFile(Path.GetFullPath(config), optional: false, reloadOnChange: false);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
switch (transport)
{
    case "linux":
        builder.WebHost.UseLinuxZeroCopyTransport();
        break;
    case "sockets":
        builder.WebHost.UseSockets();
        break;
    default:
        throw new ArgumentException("--transport is 'linux' or 'sockets'.");
}

builder.Services.AddReverseProxy().LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"));
var app = builder.Build();
app.MapReverseProxy();
await app.RunAsync();

string? Option(string name)
{
    var index = Array.IndexOf(args, name);
    return index >= 0 && index + 1 < args.Length ? args[index + 1] : null;
}
