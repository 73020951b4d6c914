using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Transport.Linux.Tests;

/// <summary>A client's socket and the connection that the transport made of it.</summary>
internal sealed class ConnectionPair : IAsyncDisposable
{
    private readonly LoopFixture _loops;
    private readonly IConnectionListener _listener;

    private ConnectionPair(LoopFixture loops, IConnectionListener listener, Socket client, ConnectionContext server)
    {
        _loops = loops;
        _listener = listener;
        Client = client;
        Server = server;
    }

    public Socket Client { get; }

    public ConnectionContext Server { get; }

    public ConcurrentQueue<(LogLevel Level, int Id, string Text)> Log => _loops.Log.Entries;

    public static async Task<ConnectionPair> CreateAsync(Action<LinuxTransportOptions>? configure = null)
    {
        var loops = new LoopFixture(configure);
        var listener = await loops.BindAsync();
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync((IPEndPoint)listener.EndPoint).WaitAsync(Deadline.Default);
        var server = await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default);
        return new ConnectionPair(loops, listener, client, server!);
    }

    public async Task<string> ReadTextAsync(int count)
    {
        var result = await Server.Transport.Input.ReadAtLeastAsync(count).AsTask().WaitAsync(Deadline.Default);
        var text = Encoding.ASCII.GetString(result.Buffer.Slice(0, count).ToArray());
        Server.Transport.Input.AdvanceTo(result.Buffer.GetPosition(count));
        return text;
    }

    public async Task<byte[]> ReceiveAsync(int count)
    {
        var received = new byte[count];
        for (var offset = 0; offset < count;)
        {
            var bytes = await Client.ReceiveAsync(received.AsMemory(offset)).AsTask().WaitAsync(Deadline.Default);
            Assert.True(bytes > 0, $"the stream ended after {offset} of {count} bytes");
            offset += bytes;
        }

        return received;
    }

    /// <summary>Sends counting bytes until nothing more is taken: the server's buffer, and both kernel buffers, are full. Returns how many.</summary>
    public async Task<long> FillAsync()
    {
        Client.Blocking = false;
        var chunk = new byte[256];
        for (var i = 0; i < chunk.Length; i++)
        {
            chunk[i] = (byte)i;
        }

        long sent = 0;
        for (var quietRounds = 0; quietRounds < 20;)
        {
            try
            {
                sent += Client.Send(chunk.AsSpan((int)(sent % 256)));
                quietRounds = 0;
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.WouldBlock)
            {
                // Full only if it stays so: the receiver may just not have run yet.
                quietRounds++;
                await Task.Delay(10);
            }
        }

        Client.Blocking = true;
        return sent;
    }

    public int UnreadAtClient() => Client.Available;

    public static Task WaitUntilAsync(Func<bool> condition) => Task.Run(() => Assert.True(SpinWait.SpinUntil(condition, Deadline.Default)));

    public async Task WaitForClosedAsync()
    {
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = Server.ConnectionClosed.Register(fired.SetResult);
        await fired.Task.WaitAsync(Deadline.Default);
    }

    public async ValueTask DisposeAsync()
    {
        Server.Abort();
        await Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        await _listener.DisposeAsync();
        Client.Dispose();
        _loops.Dispose();
    }
}
