using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>Descriptors that a service manager opened, as Kestrel's ListenHandle passes them on (and UseSystemd, which calls it for LISTEN_FDS).</summary>
public class SocketActivationTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ListenHandle_BoundSocket_ServesHttpAndStaysOpen(bool isListening)
    {
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        if (isListening)
        {
            // systemd listens before it starts the service (systemd.socket(5)); clients may be waiting already.
            inherited.Listen();
        }

        var builder = KestrelServer.CreateBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenHandle((ulong)inherited.Handle));
        await using var app = builder.Build();
        app.MapGet("/", static () => "activated");
        await app.StartAsync();
        using (var client = new HttpClient())
        {
            Assert.Equal("activated", await client.GetStringAsync($"http://{inherited.LocalEndPoint}/").WaitAsync(Deadline.Default));
        }

        await app.StopAsync().WaitAsync(Deadline.Default);
        // Still its owner's, and still listening for the next start of the service.
        Assert.Equal(0, SocketCalls.GetOption((int)inherited.Handle, SocketCalls.SOL_SOCKET, SocketCalls.SO_ERROR, out _));
        using var waiting = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await waiting.ConnectAsync(inherited.LocalEndPoint!).WaitAsync(Deadline.Default);
    }
}
