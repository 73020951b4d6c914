using Microsoft.AspNetCore.Hosting;

var builder = WebApplication.CreateBuilder(args);
builder.WebHost.UseLinuxZeroCopyTransport(options =>
{
    // All options may also stand in the configuration, in the section LinuxTransport; what is set here wins.
    options.KeepAliveTime = TimeSpan.FromMinutes(1);
    options.KeepAliveInterval = TimeSpan.FromSeconds(10);
    options.KeepAliveCount = 3;
});
// Serves on the sockets that systemd opened, if it started the application (LISTEN_FDS, sd_listen_fds(3)).
builder.WebHost.ConfigureKestrel(kestrel => kestrel.UseSystemd());

var app = builder.Build();
app.MapGet("/", () => "Hello from the event loop");
app.MapPost("/echo", context => context.Request.Body.CopyToAsync(context.Response.Body));
app.Run();
