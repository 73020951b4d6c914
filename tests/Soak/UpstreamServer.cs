using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Soak;

/// <summary>An upstream as a process of its own, so that it can be killed: exchanges over TCP, and HTTP uploads and downloads.</summary>
internal static class UpstreamServer
{
    public const string Ready = "upstream is ready";

    /// <summary>Before a complaint about bytes, on a line of its own.</summary>
    public const string Complaint = "WRONG BYTES: ";

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    public static async Task RunAsync(int tcpPort, int httpPort)
    {
        using var listener = new TcpListener(IPAddress.Loopback, tcpPort);
        listener.Start();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, httpPort));
        await using var application = builder.Build();
        application.Run(AnswerAsync);
        await application.StartAsync();
        Console.WriteLine(Ready);
        while (true)
        {
            _ = ServeAsync(await listener.AcceptSocketAsync());
        }
    }

    private static async Task ServeAsync(Socket client)
    {
        using var patience = new CancellationTokenSource(s_patience);
        using (client)
        {
            try
            {
                client.NoDelay = true;
                await ExchangeAsync(client, patience.Token);
            }
            catch (WrongBytesException exception)
            {
                Console.WriteLine($"{Complaint}{exception.Message}");
            }
            catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException)
            {
                // The client reset, or was told to. What it makes of that, it reports itself.
            }
        }
    }

    private static async Task ExchangeAsync(Socket client, CancellationToken cancellationToken)
    {
        var header = new byte[Exchange.Size];
        for (var read = 0; read < header.Length;)
        {
            var count = await client.ReceiveAsync(header.AsMemory(read), cancellationToken);
            if (count == 0)
            {
                return;
            }

            read += count;
        }

        var exchange = Exchange.Parse(header);
        switch (exchange.Kind)
        {
            case ExchangeKind.ClientFirst:
                var hash = await ReceiveAllAsync(client, exchange, cancellationToken);
                await client.SendAsync(Encoding.ASCII.GetBytes(hash), cancellationToken);
                await HashPump.SendAndFinishAsync(client, exchange.FromUpstream, exchange.SeedOfUpstream, cancellationToken);
                break;
            case ExchangeKind.UpstreamFirst:
                await HashPump.SendAndFinishAsync(client, exchange.FromUpstream, exchange.SeedOfUpstream, cancellationToken);
                await ReceiveAllAsync(client, exchange, cancellationToken);
                break;
            case ExchangeKind.UpstreamResets:
                await using (var stream = new NetworkStream(client))
                {
                    await HashPump.SendAsync(stream, exchange.FromUpstream, exchange.SeedOfUpstream, cancellationToken);
                }

                client.LingerState = new LingerOption(true, 0);
                break;
            case ExchangeKind.Echo:
                var buffer = new byte[64 * 1024];
                int echoed;
                while ((echoed = await client.ReceiveAsync(buffer, cancellationToken)) > 0)
                {
                    await client.SendAsync(buffer.AsMemory(0, echoed), cancellationToken);
                }

                client.Shutdown(SocketShutdown.Send);
                break;
            default:
                throw new WrongBytesException($"an exchange of kind {exchange.Kind}");
        }
    }

    private static async Task<string> ReceiveAllAsync(Socket client, Exchange exchange, CancellationToken cancellationToken)
    {
        var received = await Received.ToEndAsync(client, cancellationToken);
        await received.VerifyAsync(exchange.Seed, cancellationToken);
        if (received.IsReset)
        {
            throw new SocketException((int)SocketError.ConnectionReset);
        }

        return received.Count == exchange.FromClient
            ? received.Hash
            : throw new WrongBytesException($"FIN after {received.Count} of {exchange.FromClient} bytes");
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        if (HttpMethods.IsPost(context.Request.Method))
        {
            context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
            await context.Response.WriteAsync(Convert.ToHexString(await SHA256.HashDataAsync(context.Request.Body, context.RequestAborted)));
            return;
        }

        var size = long.Parse(context.Request.Query["size"]!, CultureInfo.InvariantCulture);
        context.Response.ContentLength = size;
        await HashPump.SendAsync(
            context.Response.Body, size, int.Parse(context.Request.Query["seed"]!, CultureInfo.InvariantCulture), context.RequestAborted);
    }
}
