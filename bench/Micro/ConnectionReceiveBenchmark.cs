using System.Net.Sockets;
using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Connections;
using Transport.Linux;

namespace Bench.Micro;

/// <summary>
/// The way of received bytes: loopback, recv on the event loop, input pipe, and an application that consumes them on the loop, as
/// by default, or on the thread pool. The client's send, the wake-ups of loop and application, and the wait for them are in the time.
/// </summary>
public class ConnectionReceiveBenchmark
{
    private readonly SemaphoreSlim _consumed = new(0);
    private LoopbackConnection? _connection;
    private Task _application = Task.CompletedTask;
    private byte[] _bytes = [];

    [Params(100, 32 * 1024)]
    public int Bytes { get; set; }

    [ParamsAllValues]
    public ApplicationScheduling Scheduling { get; set; }

    // Not async: run in the process, BenchmarkDotNet does not wait for a task here, and measures without a connection.
    [GlobalSetup]
    public void SetUp()
    {
        _bytes = new byte[Bytes];
        _connection = LoopbackConnection.OpenAsync(options => options.ApplicationScheduling = Scheduling).GetAwaiter().GetResult();
        _application = ConsumeAsync(_connection.Server);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _connection!.Client.Shutdown(SocketShutdown.Send);
        _application.GetAwaiter().GetResult();
        _connection.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _consumed.Dispose();
    }

    [Benchmark]
    public void Receive()
    {
        _connection!.Client.Send(_bytes);
        _consumed.Wait();
    }

    private async Task ConsumeAsync(ConnectionContext connection)
    {
        var input = connection.Transport.Input;
        for (long received = 0; ;)
        {
            var result = await input.ReadAsync();
            received += result.Buffer.Length;
            input.AdvanceTo(result.Buffer.End);
            if (received >= Bytes)
            {
                received -= Bytes;
                _consumed.Release();
            }

            if (result.IsCompleted)
            {
                return;
            }
        }
    }
}
