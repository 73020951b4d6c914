using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Yarp.Splice.Listening;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;
using Yarp.Splice.Tests.Relay;

namespace Yarp.Splice.Tests;

/// <summary>Kestrel's own transport, whose connections cannot be detached, and ports opened as they are where there are no event loops.</summary>
public sealed class ManagedRelayTests : IDisposable
{
    private const int Bulk = 4 * 1024 * 1024;

    private readonly CancellationTokenSource _patience = new(TestGateway.Patience);
    private readonly TcpListener _upstream = new(IPAddress.Loopback, 0);

    public ManagedRelayTests() => _upstream.Start();

    private int UpstreamPort => ((IPEndPoint)_upstream.LocalEndpoint).Port;

    public void Dispose()
    {
        _patience.Dispose();
        _upstream.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_client_finishes_first_and_still_gets_the_whole_answer(bool ownPort)
    {
        var (gateway, port) = await StartAsync(ownPort);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        await client.SendAsync("question"u8.ToArray(), _patience.Token);
        client.Shutdown(SocketShutdown.Send);

        using var server = await AcceptAsync();
        Assert.Equal("question"u8.ToArray(), await ReadAllAsync(server));
        var answer = RandomNumberGenerator.GetBytes(Bulk);
        var sending = SendAllAndFinishAsync(server, answer);
        Assert.Equal(answer, await ReadAllAsync(client));
        await sending;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_upstream_finishes_first_and_still_gets_the_whole_upload(bool ownPort)
    {
        var (gateway, port) = await StartAsync(ownPort);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        await SendAllAndFinishAsync(server, "banner"u8.ToArray());
        Assert.Equal("banner"u8.ToArray(), await ReadAllAsync(client));

        var upload = RandomNumberGenerator.GetBytes(Bulk);
        var sending = SendAllAndFinishAsync(client, upload);
        Assert.Equal(upload, await ReadAllAsync(server));
        await sending;
        await gateway.Log.WaitForAsync($"session ended (finished), {Bulk} bytes to the upstream, 6 to the client");
    }

    [Fact]
    public async Task A_reset_of_the_upstream_reaches_the_client()
    {
        var (gateway, port) = await StartAsync();
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using (var server = await AcceptAsync())
        {
            // A reset any earlier could be one of the attempt to connect, which the client sees as a plain close.
            await client.SendAsync("x"u8.ToArray(), _patience.Token);
            Assert.Equal(1, await server.ReceiveAsync(new byte[1], _patience.Token));
            server.LingerState = new LingerOption(true, 0);
        }

        var exception = await Assert.ThrowsAsync<SocketException>(() => ReadAllAsync(client));
        Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
    }

    [Fact]
    public async Task A_reset_of_the_client_reaches_the_upstream()
    {
        var (gateway, port) = await StartAsync();
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        client.LingerState = new LingerOption(true, 0);
        client.Dispose();

        var exception = await Assert.ThrowsAsync<SocketException>(() => ReadAllAsync(server));
        Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
    }

    [Fact]
    public async Task A_refused_destination_is_followed_by_the_next()
    {
        var refusing = TestGateway.FreePort();
        var (gateway, port) = await StartAsync(destinations:
            $$""" "a": { "Address": "127.0.0.1:{{refusing}}" }, "b": { "Address": "tcp://localhost:{{UpstreamPort}}" } """);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        await SendAllAndFinishAsync(server, "b"u8.ToArray());
        Assert.Equal("b"u8.ToArray(), await ReadAllAsync(client));
        await gateway.Log.WaitForAsync("destination a at 127.0.0.1:");
    }

    [Fact]
    public async Task A_connection_that_no_destination_takes_is_closed()
    {
        var (gateway, port) = await StartAsync(destinations: $$""" "a": { "Address": "127.0.0.1:{{TestGateway.FreePort()}}" } """);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        Assert.Empty(await ReadAllAsync(client));
        await gateway.Log.WaitForAsync("session ended (connect_failed)");
    }

    [Fact]
    public async Task An_idle_session_is_ended()
    {
        var (gateway, port) = await StartAsync(splice: """ "IdleTimeout": "00:00:00.2" """);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        await Assert.ThrowsAsync<SocketException>(() => ReadAllAsync(server));
        await gateway.Log.WaitForAsync("session ended (idle_timeout)");
    }

    [Fact]
    public async Task A_half_closed_session_that_falls_silent_is_ended()
    {
        var (gateway, port) = await StartAsync(splice: """ "HalfCloseTimeout": "00:00:00.2" """);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        client.Shutdown(SocketShutdown.Send);
        await gateway.Log.WaitForAsync("session ended (half_close_timeout)");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_session_past_MaxLifetime_ends_with_FIN_on_both_sides(bool ownPort)
    {
        var (gateway, port) = await StartAsync(ownPort, splice: """ "MaxLifetime": "00:00:01" """);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        await client.SendAsync("up"u8.ToArray(), _patience.Token);
        await server.SendAsync("down"u8.ToArray(), _patience.Token);
        Assert.Equal("up"u8.ToArray(), await ReadAllAsync(server));
        Assert.Equal("down"u8.ToArray(), await ReadAllAsync(client));
        await gateway.Log.WaitForAsync("session ended (max_lifetime), 2 bytes to the upstream, 4 to the client");
    }

    [Fact]
    public async Task A_session_past_MaxLifetime_whose_client_takes_nothing_is_reset_after_HalfCloseTimeout()
    {
        var (gateway, port) = await StartAsync(splice: """ "MaxLifetime": "00:00:01", "HalfCloseTimeout": "00:00:00.5" """);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        await Assert.ThrowsAsync<SocketException>(() => SendAllAndFinishAsync(server, new byte[64 * 1024 * 1024]));
        await gateway.Log.WaitForAsync("session ended (max_lifetime)");
    }

    [Fact]
    public async Task Connections_past_MaxConnections_are_closed_at_once()
    {
        var (gateway, port) = await StartAsync(splice: """ "MaxConnections": 1 """);
        await using var _ = gateway;
        using var first = await ConnectAsync(port);
        using var server = await AcceptAsync();
        using var second = await ConnectAsync(port);
        Assert.Empty(await ReadAllAsync(second));

        first.Shutdown(SocketShutdown.Both);
        await SendAllAndFinishAsync(server, []);
        await gateway.Log.WaitForAsync("session ended (");
        using var third = await ConnectAsync(port);
        using var again = await AcceptAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Connections_past_a_limit_wait_for_their_turn_until_QueueTimeout(bool atDestination)
    {
        var (gateway, port) = await StartAsync(
            splice: atDestination ? """ "QueueTimeout": "00:00:02" """ : """ "MaxConnections": 1, "QueueTimeout": "00:00:02" """,
            destinations: atDestination
                ? $$""" "d": { "Address": "127.0.0.1:{{UpstreamPort}}", "Metadata": { "Splice.MaxConnections": "1" } } """
                : null);
        await using var _ = gateway;
        using var metrics = new SpliceReadings(gateway.App.Services.GetRequiredService<IMeterFactory>());
        using var first = await ConnectAsync(port);
        using var server = await AcceptAsync();
        using var leaving = await ConnectAsync(port);
        await WaitForAsync(() => metrics.Sum("splice.queue.length") == 1);
        leaving.Shutdown(SocketShutdown.Both);
        await WaitForAsync(() => metrics.Count("splice.queue.duration", ("splice.outcome", "left")) == 1);
        Socket[] waiting = [await ConnectAsync(port), await ConnectAsync(port)];
        for (byte i = 0; i < waiting.Length; i++)
        {
            await waiting[i].SendAsync(new[] { i }, _patience.Token);
        }

        Assert.False(_upstream.Pending());

        first.Shutdown(SocketShutdown.Both);
        await SendAllAndFinishAsync(server, []);
        using var next = await AcceptAsync();
        var served = new byte[1];
        Assert.Equal(1, await next.ReceiveAsync(served, _patience.Token));
        Assert.Empty(await ReadAllAsync(waiting[1 - served[0]]));
        await gateway.Log.WaitForAsync("it got no place within 00:00:02 (Splice:QueueTimeout)");
        Assert.False(_upstream.Pending());
        await next.SendAsync("x"u8.ToArray(), _patience.Token);
        Assert.Equal(1, await waiting[served[0]].ReceiveAsync(served, _patience.Token));
        Array.ForEach(waiting, static socket => socket.Dispose());
    }

    [Fact]
    public async Task Connections_past_ConnectionRate_are_closed_at_once()
    {
        var (gateway, port) = await StartAsync(splice: """ "ConnectionRate": 1 """);
        await using var _ = gateway;
        using var first = await ConnectAsync(port);
        using var server = await AcceptAsync();
        for (var tries = 0; ; tries++)
        {
            Assert.True(tries < 20, "no connection was too many");
            using var another = await ConnectAsync(port);
            if (another.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead))
            {
                break;
            }
        }

        await gateway.Log.WaitForAsync("its source opens more than 1 connections a second (Splice:ConnectionRate)");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stopping_waits_for_sessions_and_resets_what_is_left(bool ownPort)
    {
        var (gateway, port) = await StartAsync(ownPort);
        await using var _ = gateway;
        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        using var deadline = new CancellationTokenSource();
        var stopping = gateway.App.StopAsync(deadline.Token);
        await gateway.Log.WaitForAsync("Application is shutting down...");
        await server.SendAsync("still here"u8.ToArray(), _patience.Token);
        var buffer = new byte[64];
        Assert.Equal(10, await client.ReceiveAsync(buffer, _patience.Token));
        Assert.False(stopping.IsCompleted);

        await deadline.CancelAsync();
        await Assert.ThrowsAsync<SocketException>(() => ReadAllAsync(server));
        await gateway.Log.WaitForAsync("1 sessions were still open when the stop could wait no longer");
        try
        {
            await stopping;
        }
        catch (OperationCanceledException)
        {
            // How the host reports a stop that took longer than allowed.
        }
    }

    [Fact]
    public async Task A_connection_without_a_socket_is_half_closed_through_its_pipes()
    {
        var (gateway, _) = await StartAsync();
        await using var __ = gateway;
        var services = gateway.App.Services;
        var pair = (Input: new Pipe(), Output: new Pipe());
        await using var connection = new DefaultConnectionContext(
            "c", new DuplexPipe(pair.Input.Reader, pair.Output.Writer), new DuplexPipe(pair.Output.Reader, pair.Input.Writer));
        var running = services.GetRequiredService<ManagedRelay>().RunAsync(
            services.GetRequiredService<TcpRoutes>().Current.Routes[0], connection, new ClientFacts(null));
        using var server = await AcceptAsync();
        await SendAllAndFinishAsync(server, "banner"u8.ToArray());
        using var answer = new MemoryStream();
        await pair.Output.Reader.CopyToAsync(answer, _patience.Token);
        Assert.Equal("banner"u8.ToArray(), answer.ToArray());

        await pair.Input.Writer.WriteAsync("late"u8.ToArray(), _patience.Token);
        await pair.Input.Writer.CompleteAsync();
        Assert.Equal("late"u8.ToArray(), await ReadAllAsync(server));
        await running.WaitAsync(_patience.Token);
    }

    [Fact]
    public async Task Sessions_and_bytes_are_metered()
    {
        var (gateway, port) = await StartAsync();
        await using var _ = gateway;
        var factory = gateway.App.Services.GetRequiredService<IMeterFactory>();
        var sums = new ConcurrentDictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, meterListener) =>
            {
                if (instrument.Meter.Name == SpliceMetrics.MeterName && instrument.Meter.Scope == factory)
                {
                    meterListener.EnableMeasurementEvents(instrument);
                }
            },
        };
        var ended = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            sums.AddOrUpdate($"{instrument.Name} {Tag(tags, "direction")}".TrimEnd(), value, (_, sum) => sum + value));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) =>
        {
            if (instrument.Name == "splice.session.duration")
            {
                ended.TrySetResult($"{instrument.Name} {Tag(tags, "splice.route")} {Tag(tags, "splice.path")} {Tag(tags, "splice.outcome")}");
            }
        });
        listener.Start();

        using var client = await ConnectAsync(port);
        using var server = await AcceptAsync();
        await SendAllAndFinishAsync(client, "four"u8.ToArray());
        await SendAllAndFinishAsync(server, "seven.."u8.ToArray());
        Assert.Equal("seven.."u8.ToArray(), await ReadAllAsync(client));

        Assert.Equal("splice.session.duration a Managed finished", await ended.Task.WaitAsync(_patience.Token));
        listener.RecordObservableInstruments();
        Assert.Equal(0, sums["splice.sessions.active"]);
        Assert.Equal(4, sums["splice.bytes upstream"]);
        Assert.Equal(7, sums["splice.bytes client"]);

        static object? Tag(ReadOnlySpan<KeyValuePair<string, object?>> tags, string name)
        {
            foreach (var tag in tags)
            {
                if (tag.Key == name)
                {
                    return tag.Value;
                }
            }

            return null;
        }
    }

    private async Task<(TestGateway Gateway, int Port)> StartAsync(bool ownPort = false, string splice = "", string? destinations = null)
    {
        destinations ??= $$""" "d": { "Address": "127.0.0.1:{{UpstreamPort}}" } """;
        var gateway = await TestGateway.StartAsync(
            """{ "Routes": { }, "Clusters": { } }""",
            static builder => builder.Services.AddSingleton<IPortOpener, SocketPortOpener>(),
            onLinuxTransport: false);
        var port = ownPort ? TestGateway.FreePort() : gateway.HttpPort;
        gateway.Replace($$"""
            { "Routes": { "a": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:{{port}}" ] }, "Splice": { {{splice}} } } },
              "Clusters": { "c": { "LoadBalancingPolicy": "FirstAlphabetical", "Destinations": { {{destinations}} } } } }
            """);
        await gateway.Log.WaitForAsync("Route a listens on");
        return (gateway, port);
    }

    private async Task WaitForAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(5, _patience.Token);
        }
    }

    private async Task<Socket> ConnectAsync(int port)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Loopback, port, _patience.Token);
        return client;
    }

    private ValueTask<Socket> AcceptAsync() => _upstream.AcceptSocketAsync(_patience.Token);

    private async Task SendAllAndFinishAsync(Socket socket, byte[] bytes)
    {
        ReadOnlyMemory<byte> left = bytes;
        while (!left.IsEmpty)
        {
            left = left[await socket.SendAsync(left, _patience.Token)..];
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    private async Task<byte[]> ReadAllAsync(Socket socket)
    {
        using var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        int count;
        while ((count = await socket.ReceiveAsync(buffer, _patience.Token)) > 0)
        {
            all.Write(buffer, 0, count);
        }

        return all.ToArray();
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
