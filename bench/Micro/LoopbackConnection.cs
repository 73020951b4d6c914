using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Transport.Linux;

namespace Bench.Micro;

/// <summary>A connection of the transport, with Kestrel's memory pool and without Kestrel, and the client's blocking socket.</summary>
internal sealed class LoopbackConnection : IAsyncDisposable
{
    private readonly IHost _services;
    private readonly IConnectionListener _listener;

    private LoopbackConnection(IHost services, IConnectionListener listener, Socket client, ConnectionContext server)
    {
        _services = services;
        _listener = listener;
        Client = client;
        Server = server;
    }

    public Socket Client { get; }

    public ConnectionContext Server { get; }

    public static async Task<LoopbackConnection> OpenAsync(Action<LinuxTransportOptions>? configure = null)
    {
        // Built, but never started: only its services are wanted.
        var services = new HostBuilder()
            .ConfigureLogging(static logging => logging.ClearProviders())
            .ConfigureWebHost(web => web.UseKestrelCore().Configure(static _ => { }).UseLinuxZeroCopyTransport(options =>
            {
                options.ThreadCount = 1;
                configure?.Invoke(options);
            }))
            .Build();
        var factory = services.Services.GetServices<IConnectionListenerFactory>().Last();
        var listener = await factory.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(listener.EndPoint);
        var server = await listener.AcceptAsync();
        return new LoopbackConnection(services, listener, client, server!);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
        await _listener.DisposeAsync();
        _services.Dispose();
    }
}
