// YARP and nothing else: on Kestrel's and .NET's sockets, or on the event loops on both sides, as AddSplice sets it up.
// usage: Bench.YarpServer --transport linux|sockets --config FILE
var transport = Option("--transport");
var config = Option("--config") ?? throw new ArgumentException("--config is missing.");
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
builder.Configuration.AddJsonFile(Path.GetFullPath(config), optional: false, reloadOnChange: false);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
var section = builder.Configuration.GetSection("ReverseProxy");
var proxy = builder.Services.AddReverseProxy().LoadFromConfig(section);
switch (transport)
{
    case "linux":
        builder.WebHost.UseLinuxZeroCopyTransport();
        proxy.AddSplice(section);
        break;
    case "sockets":
        builder.WebHost.UseSockets();
        break;
    default:
        throw new ArgumentException("--transport is 'linux' or 'sockets'.");
}

var app = builder.Build();
app.MapReverseProxy();
await app.RunAsync();

string? Option(string name)
{
    var index = Array.IndexOf(args, name);
    return index >= 0 && index + 1 < args.Length ? args[index + 1] : null;
}
