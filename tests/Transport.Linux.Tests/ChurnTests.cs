using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Transport.Linux.Kestrel;

namespace Transport.Linux.Tests;

/// <summary>Very many short connections, which end in every way that there is.</summary>
[Collection(RunsAlone.Name)]
public class ChurnTests
{
    private const int Clients = 4;

    private enum Ending
    {
        ServerCompletes,
        ServerAborts,
        ServerDisposesUnread,
        ClientFinishes,
        ClientResets,
        ClientResetsUnderTheResponse,
        Count,
    }

    [Theory]
    [InlineData(100_000, false)]
    [InlineData(20_000, true)]
    public async Task Connections_ShortOnes_LeaveNoDescriptorAndNoBlockBehind(int count, bool inline)
    {
        var pool = new CountingMemoryPool();
        using var loops = new LoopFixture(options =>
        {
            options.UnsafePreferInlineScheduling = inline;
            // Pools of memory nodes would take the place of the counting one.
            options.NumaMode = NumaMode.Off;
        });
        var factory = new LinuxTransportFactory(loops.Group, loops.Options, loops.Log, pool);
        var listener = await factory.BindAsync(new IPEndPoint(IPAddress.Any, 0));
        var descriptors = Directory.GetFiles("/proc/self/fd").Length;
        var served = 0;
        var accepting = Task.Run(async () =>
        {
            while (await listener.AcceptAsync() is { } connection)
            {
                _ = Task.Run(async () =>
                {
                    await ServeAsync(connection);
                    Interlocked.Increment(ref served);
                });
            }
        });

        var port = ((IPEndPoint)listener.EndPoint).Port;
        // An address for each client, so that none runs out of ports.
        var clients = Enumerable.Range(1, Clients).Select(client => Task.Factory.StartNew(
            () => Load(new IPEndPoint(new IPAddress([127, 0, 0, (byte)client]), port), count / Clients), TaskCreationOptions.LongRunning));
        await Task.WhenAll(clients).WaitAsync(Deadline.OnThisMachine(TimeSpan.FromMinutes(2)));
        await Deadline.UntilAsync(() => Task.FromResult(Volatile.Read(ref served) == count), () => $"{served} served");

        Assert.True(pool.Total > 0);
        await Deadline.UntilAsync(() => Task.FromResult(pool.Rented == 0), () => $"{pool.Rented} of {pool.Total} blocks were not returned");
        await Deadline.UntilAsync(
            () => Task.FromResult(Directory.GetFiles("/proc/self/fd").Length <= descriptors + 8),
            () => $"{Directory.GetFiles("/proc/self/fd").Length} descriptors, {descriptors} before");
        Assert.Empty(loops.Log.Complaints);
        await listener.UnbindAsync();
        await accepting.WaitAsync(Deadline.Default);
        await listener.DisposeAsync();
    }

    private static async Task ServeAsync(ConnectionContext connection)
    {
        try
        {
            var (input, output) = (connection.Transport.Input, connection.Transport.Output);
            var first = await input.ReadAsync();
            var ending = (Ending)first.Buffer.FirstSpan[0];
            switch (ending)
            {
                case Ending.ServerCompletes:
                    await output.WriteAsync(new byte[3000]);
                    await output.CompleteAsync();
                    break;
                case Ending.ServerAborts:
                    connection.Abort();
                    break;
                case Ending.ServerDisposesUnread:
                    break;
                default:
                    // Looked at but not consumed: the blocks are still the pipe's when the end comes.
                    input.AdvanceTo(first.Buffer.Start, first.Buffer.End);
                    await output.WriteAsync(new byte[ending == Ending.ClientResetsUnderTheResponse ? 200_000 : 1]);
                    await ReadToEndAsync(input);
                    break;
            }
        }
        catch (Exception exception) when (exception is ConnectionResetException or ConnectionAbortedException)
        {
            // What some of the clients do.
        }

        await connection.DisposeAsync();
    }

    private static async Task ReadToEndAsync(PipeReader input)
    {
        while (true)
        {
            var result = await input.ReadAsync();
            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }

    private static void Load(IPEndPoint server, int count)
    {
        var request = new byte[1500];
        var response = new byte[4096];
        for (var i = 0; i < count; i++)
        {
            var ending = (Ending)(i % (int)Ending.Count);
            request[0] = (byte)ending;
            // RST at the close, so that no port is left in TIME_WAIT.
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
            socket.Connect(server);
            socket.Send(request);
            if (ending == Ending.ClientFinishes)
            {
                socket.Shutdown(SocketShutdown.Send);
            }

            if (ending is Ending.ClientResets or Ending.ClientResetsUnderTheResponse)
            {
                continue;
            }

            try
            {
                while (socket.Receive(response) > 0)
                {
                }
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
                // The server aborted, or closed with bytes unread.
            }
        }
    }
}
