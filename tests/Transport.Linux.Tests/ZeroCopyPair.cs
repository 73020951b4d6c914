using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Transport.Linux.Kestrel;

namespace Transport.Linux.Tests;

/// <summary>A connection that sends without copying, its client, and everything that can be counted about both.</summary>
internal sealed class ZeroCopyPair : IAsyncDisposable
{
    private readonly LoopFixture _loops;
    private readonly IConnectionListener _listener;

    private ZeroCopyPair(LoopFixture loops, MetricReadings metrics, ScribblingPool pool, IConnectionListener listener, Socket client, ConnectionContext server)
    {
        _loops = loops;
        _listener = listener;
        Metrics = metrics;
        Pool = pool;
        Client = client;
        Server = server;
    }

    public MetricReadings Metrics { get; }

    public ScribblingPool Pool { get; }

    public Socket Client { get; }

    public ConnectionContext Server { get; }

    public RecordingLoggerFactory Log => _loops.Log;

    /// <param name="receiveBuffer">The client's receive buffer; a small one keeps what it doesn't read in the server's socket.</param>
    /// <param name="configure">More options.</param>
    public static Task<ZeroCopyPair> CreateAsync(int? receiveBuffer = null, Action<LinuxTransportOptions>? configure = null) =>
        CreateAsync(IPAddress.Loopback, static action => Task.FromResult(action()), static action => Task.FromResult(action()), receiveBuffer, configure);

    public static Task<ZeroCopyPair> CreateAsync(VethPair cable, Action<LinuxTransportOptions>? configure = null) =>
        CreateAsync(VethPair.ServerAddress, cable.Server.RunAsync, cable.Client.RunAsync, null, configure);

    public static Task<ZeroCopyPair> CreateAsync(NetworkNamespace network) =>
        CreateAsync(IPAddress.Loopback, network.RunAsync, network.RunAsync, null, null);

    /// <summary>Writes random bytes, <paramref name="sizes"/> at a time, while the client reads them; true if they arrived as they were.</summary>
    public async Task<bool> TransferAsync(IEnumerable<int> sizes)
    {
        using var sentHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var total = 0L;
        var chunks = sizes.ToArray();
        var receive = ReceiveHashAsync(chunks.Sum(static size => (long)size));
        foreach (var size in chunks)
        {
            var chunk = RandomNumberGenerator.GetBytes(size);
            sentHash.AppendData(chunk);
            total += size;
            await Server.Transport.Output.WriteAsync(chunk).AsTask().WaitAsync(Deadline.Default);
        }

        return (await receive.WaitAsync(Deadline.Default)).AsSpan().SequenceEqual(sentHash.GetHashAndReset());
    }

    /// <summary>The hash of the next bytes that the client receives.</summary>
    public async Task<byte[]> ReceiveHashAsync(long count)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        while (count > 0)
        {
            var received = await Client.ReceiveAsync(buffer.AsMemory(0, (int)Math.Min(count, buffer.Length)));
            Assert.True(received > 0, $"the stream ended {count} bytes early");
            hash.AppendData(buffer, 0, received);
            count -= received;
        }

        return hash.GetHashAndReset();
    }

    public async ValueTask DisposeAsync()
    {
        Server.Abort();
        await Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        await _listener.DisposeAsync();
        Client.Dispose();
        _loops.Dispose();
        Metrics.Dispose();
    }

    private static async Task<ZeroCopyPair> CreateAsync(
        IPAddress address,
        Func<Func<IConnectionListener>, Task<IConnectionListener>> onServer,
        Func<Func<Socket>, Task<Socket>> onClient,
        int? receiveBuffer,
        Action<LinuxTransportOptions>? configure)
    {
        var metrics = new MetricReadings();
        var pool = new ScribblingPool();
        var loops = new LoopFixture(options =>
        {
            options.ThreadCount = 1;
            options.ZeroCopySendThreshold = 16 * 1024;
            configure?.Invoke(options);
        }, metrics.Factory);
        var factory = new LinuxTransportFactory(loops.Group, loops.Options, loops.Log, pool);
        // Synchronous: a namespace is a thread's.
        var listener = await onServer(() => factory.BindAsync(new IPEndPoint(address, 0)).AsTask().GetAwaiter().GetResult());
        var client = await onClient(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            if (receiveBuffer is { } size)
            {
                socket.ReceiveBufferSize = size;
            }

            socket.Connect(listener.EndPoint);
            return socket;
        });
        var server = await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default);
        return new ZeroCopyPair(loops, metrics, pool, listener, client, server!);
    }
}
