using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Transport.Linux.Kestrel;

namespace Transport.Linux.Tests;

/// <summary>The same events on Kestrel's socket transport and on ours: what the log says, and what the client and the application see.</summary>
[Collection(RunsAlone.Name)]
public class SocketTransportParityTests
{
    private const string FinOnErrorSwitch = "Microsoft.AspNetCore.Server.Kestrel.FinOnError";

    [Theory]
    [InlineData(nameof(ClientFinishesAsync))]
    [InlineData(nameof(ServerCompletesAsync))]
    [InlineData(nameof(ServerFailsAsync))]
    [InlineData(nameof(ServerAbortsAsync))]
    [InlineData(nameof(ClientResetsAsync))]
    [InlineData(nameof(ApplicationReadsLateAsync))]
    public async Task Scenario_OnBothTransports_LooksTheSame(string scenario)
    {
        var theirs = await RunAsync(scenario, static log => new SocketTransportFactory(Options.Create(new SocketTransportOptions()), log));
        using var loops = new LoopFixture();
        Assert.Equal(theirs, await RunAsync(scenario, log => new LinuxTransportFactory(loops.Group, loops.Options, log)));
    }

    /// <summary>Ours alone: the socket transport reads the switch once in a process.</summary>
    [Theory]
    [InlineData(nameof(ServerFailsAsync))]
    [InlineData(nameof(ServerAbortsAsync))]
    public async Task FinOnErrorSwitch_ConnectionEndsWithAnError_ClientGetsFin(string scenario)
    {
        AppContext.SetSwitch(FinOnErrorSwitch, true);
        try
        {
            using var loops = new LoopFixture();
            var seen = await RunAsync(scenario, log => new LinuxTransportFactory(loops.Group, loops.Options, log));
            Assert.StartsWith("client 0 bytes", seen[0], StringComparison.Ordinal);
            Assert.Contains("7 Connection id \"X\" sending FIN because: \"on purpose\"", seen);
        }
        finally
        {
            AppContext.SetSwitch(FinOnErrorSwitch, false);
        }
    }

    /// <summary>What happened, in words, and then the debug entries of the log.</summary>
    private static async Task<string[]> RunAsync(string scenario, Func<ILoggerFactory, IConnectionListenerFactory> createFactory)
    {
        var log = new RecordingLoggerFactory();
        await using var listener = await createFactory(log).BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.EndPoint).WaitAsync(Deadline.Default);
        var connection = await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.NotNull(connection);
        var seen = await (scenario switch
        {
            nameof(ClientFinishesAsync) => ClientFinishesAsync(connection, client),
            nameof(ServerCompletesAsync) => ServerCompletesAsync(connection, client),
            nameof(ServerFailsAsync) => ServerFailsAsync(connection, client),
            nameof(ServerAbortsAsync) => ServerAbortsAsync(connection, client),
            nameof(ClientResetsAsync) => ClientResetsAsync(connection, client),
            nameof(ApplicationReadsLateAsync) => ApplicationReadsLateAsync(connection, client),
            _ => throw new ArgumentOutOfRangeException(nameof(scenario), scenario, null),
        });
        await connection.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        await listener.UnbindAsync();
        // A second pause or resume of the same kind is a matter of buffer sizes.
        var entries = log.Entries.Where(static entry => entry.Level == LogLevel.Debug)
            .Select(entry => $"{entry.Id} {entry.Text.Replace(connection.ConnectionId, "X", StringComparison.Ordinal)}").Distinct();
        return [seen, .. entries];
    }

    private static async Task<string> ClientFinishesAsync(ConnectionContext connection, Socket client)
    {
        client.Shutdown(SocketShutdown.Send);
        var read = await ReadAsync(connection);
        await WaitForClosedAsync(connection);
        await connection.Transport.Output.WriteAsync("late"u8.ToArray());
        await connection.Transport.Output.CompleteAsync();
        return $"server {read}, client {await ReceiveAsync(client)}, then {await ReceiveAsync(client)}";
    }

    private static async Task<string> ServerCompletesAsync(ConnectionContext connection, Socket client)
    {
        await connection.Transport.Output.WriteAsync("last"u8.ToArray());
        await connection.Transport.Output.CompleteAsync();
        var received = $"client {await ReceiveAsync(client)}, then {await ReceiveAsync(client)}";
        await WaitForClosedAsync(connection);
        return received;
    }

    private static async Task<string> ServerFailsAsync(ConnectionContext connection, Socket client)
    {
        await connection.Transport.Output.CompleteAsync(new InvalidOperationException("on purpose"));
        var received = $"client {await ReceiveAsync(client)}";
        await WaitForClosedAsync(connection);
        return received;
    }

    private static async Task<string> ServerAbortsAsync(ConnectionContext connection, Socket client)
    {
        connection.Abort(new ConnectionAbortedException("on purpose"));
        var received = $"client {await ReceiveAsync(client)}, server {await ReadAsync(connection)}";
        await WaitForClosedAsync(connection);
        return received;
    }

    private static async Task<string> ClientResetsAsync(ConnectionContext connection, Socket client)
    {
        client.LingerState = new LingerOption(true, 0);
        client.Close();
        var read = $"server {await ReadAsync(connection)}";
        await WaitForClosedAsync(connection);
        return read;
    }

    private static async Task<string> ApplicationReadsLateAsync(ConnectionContext connection, Socket client)
    {
        const int Size = 16 * 1024 * 1024;
        var send = Task.Run(async () =>
        {
            for (var sent = 0; sent < Size;)
            {
                sent += await client.SendAsync(new byte[Size - sent]);
            }

            client.Shutdown(SocketShutdown.Send);
        });
        // The default limit is a mebibyte: it is reached before anything is consumed.
        var result = await connection.Transport.Input.ReadAtLeastAsync(1024 * 1024).AsTask().WaitAsync(Deadline.Default);
        await Task.Delay(100);
        var received = 0L;
        while (true)
        {
            received += result.Buffer.Length;
            connection.Transport.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                break;
            }

            result = await connection.Transport.Input.ReadAsync().AsTask().WaitAsync(Deadline.Default);
        }

        await send;
        await WaitForClosedAsync(connection);
        return $"server {received} bytes";
    }

    private static async Task<string> ReadAsync(ConnectionContext connection)
    {
        try
        {
            var result = await connection.Transport.Input.ReadAsync().AsTask().WaitAsync(Deadline.Default);
            return $"{result.Buffer.Length} bytes, completed {result.IsCompleted}";
        }
        catch (ConnectionAbortedException exception)
        {
            return $"{exception.GetType().Name} {exception.Message}";
        }
        catch (ConnectionResetException exception)
        {
            return exception.GetType().Name;
        }
    }

    private static async Task<string> ReceiveAsync(Socket client)
    {
        try
        {
            return $"{await client.ReceiveAsync(new byte[100]).WaitAsync(Deadline.Default)} bytes";
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode.ToString();
        }
    }

    private static async Task WaitForClosedAsync(ConnectionContext connection)
    {
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = connection.ConnectionClosed.Register(fired.SetResult);
        await fired.Task.WaitAsync(Deadline.Default);
    }
}
