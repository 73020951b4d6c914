using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;

// Records what a TLS client sends first: listens on a loopback port, starts the client, and keeps the bytes that arrive until it pauses,
// which a client does after its ClientHello. The file is written as it came from the socket, record headers included.
if (args.Length < 2)
{
    Console.Error.WriteLine("Usage: HelloRecorder FILE PROGRAM [ARGUMENT...]   {PORT} in an argument becomes the port.");
    Console.Error.WriteLine("       HelloRecorder FILE SslStream NAME [PROTOCOL...]   records .NET's own client, which offers the ALPN protocols.");
    return 2;
}

var pause = TimeSpan.FromMilliseconds(500);
using var listener = new TcpListener(IPAddress.Loopback, 0);
listener.Start();
var port = ((IPEndPoint)listener.LocalEndpoint).Port;
using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
using var ended = new CancellationTokenSource();
var client = args[1] == "SslStream" ? HandshakeAsync(args[2], args[3..]) : RunAsync(args[1], args[2..]);
using (var connection = await listener.AcceptSocketAsync(patience.Token))
{
    var buffer = new byte[128 * 1024];
    var length = await connection.ReceiveAsync(buffer, patience.Token);
    while (length < buffer.Length)
    {
        using var silence = new CancellationTokenSource(pause);
        try
        {
            var count = await connection.ReceiveAsync(buffer.AsMemory(length), silence.Token);
            if (count == 0)
            {
                break;
            }

            length += count;
        }
        catch (OperationCanceledException)
        {
            break;
        }
    }

    await File.WriteAllBytesAsync(args[0], buffer[..length]);
    Console.WriteLine($"{args[0]}: {length} bytes");
}

await ended.CancelAsync();
await client;
return 0;

async Task RunAsync(string program, string[] arguments)
{
    var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
    foreach (var argument in arguments)
    {
        start.ArgumentList.Add(argument.Replace("{PORT}", port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
    }

    using var process = Process.Start(start)!;
    process.OutputDataReceived += static (_, _) => { };
    process.ErrorDataReceived += static (_, _) => { };
    process.BeginOutputReadLine();
    process.BeginErrorReadLine();
    try
    {
        await process.WaitForExitAsync(ended.Token);
    }
    catch (OperationCanceledException)
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
    }
}

async Task HandshakeAsync(string name, string[] protocols)
{
    using var socket = new TcpClient();
    await socket.ConnectAsync(IPAddress.Loopback, port);
    await using var tls = new SslStream(socket.GetStream());
    try
    {
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = name,
            ApplicationProtocols = [.. protocols.Select(static protocol => new SslApplicationProtocol(protocol))],
        });
    }
    catch (IOException)
    {
        // Nobody answers; the hello is all that was wanted.
    }
}
