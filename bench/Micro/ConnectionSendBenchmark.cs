using System.Net.Sockets;
using BenchmarkDotNet.Attributes;

namespace Bench.Micro;

/// <summary>
/// The way of written bytes: output pipe, sendmsg, loopback, and a client that waits for them. Up to 4,096 bytes are one segment of the pipe; more
/// are several. The client's receive is in the time.
/// </summary>
public class ConnectionSendBenchmark
{
    private LoopbackConnection? _connection;
    private byte[] _bytes = [];
    private byte[] _received = [];

    [Params(100, 4096, 32 * 1024)]
    public int Bytes { get; set; }

    // Not async: run in the process, BenchmarkDotNet does not wait for a task here, and measures without a connection.
    [GlobalSetup]
    public void SetUp()
    {
        _bytes = new byte[Bytes];
        _received = new byte[Bytes];
        _connection = LoopbackConnection.OpenAsync().GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void CleanUp() => _connection!.DisposeAsync().AsTask().GetAwaiter().GetResult();

    [Benchmark]
    public async Task Send()
    {
        var output = _connection!.Server.Transport.Output;
        await output.WriteAsync(_bytes);
        for (var received = 0; received < _received.Length;)
        {
            received += _connection.Client.Receive(_received, received, _received.Length - received, SocketFlags.None);
        }
    }
}
