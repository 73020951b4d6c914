using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>A gateway that reaches its limit of descriptors while it runs.</summary>
public sealed class DescriptorLimitTests : IDisposable
{
    private const int Sessions = 20;
    private const int TransferSize = 3_000_000;

    private readonly CancellationTokenSource _timeout = new(Deadline.Default);
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
    }

    [RequiresProgramTheory("prlimit")]
    [InlineData("Copy")]
    [InlineData("Splice")]
    [InlineData("Auto")]
    public async Task Running_sessions_go_on_and_new_ones_are_served_when_there_are_descriptors_again(string mode)
    {
        await using var gateway = await Gateway.StartAsync(
            GatewayConfiguration.Tcp(mode, _port, _upstream.Port),
            new Dictionary<string, string>
            {
                ["DOTNET_STARTUP_HOOKS"] = typeof(DescriptorLimitTests).Assembly.Location,
                [StartupHook.MetricVariable] = "splice.fallbacks",
            });
        var clients = new List<Socket>();
        var servers = new List<Socket>();
        var storm = new List<Socket>();
        try
        {
            for (var i = 0; i < Sessions; i++)
            {
                clients.Add(await TcpUpstream.ConnectAsync(_port, _timeout.Token));
                servers.Add(await _upstream.AcceptAsync(_timeout.Token));
            }

            // Room for a few pipes, but not for one of each session.
            await gateway.LeaveDescriptorsAsync(spare: 16);
            for (var i = 0; i < 2 * Sessions; i++)
            {
                storm.Add(await TcpUpstream.ConnectAsync(_port, _timeout.Token));
            }

            // Nobody reads yet: the sessions are in the middle of their transfers all at once.
            var sent = clients.Select((client, seed) => SendAsync(client, seed)).ToArray();
            if (mode != "Copy")
            {
                const string Reason = "no pipe can be opened, all descriptors but the process's reserve are in use (RLIMIT_NOFILE)";
                await gateway.Program.WaitForOutputAsync($"mode {mode} runs as Copy: {Reason}");
                await gateway.Program.WaitForOutputAsync($"splice.requested={mode}, splice.effective=Copy, splice.reason={Reason}");
            }

            var received = await Task.WhenAll(servers.Select(ReceiveAsync));
            var hashes = await Task.WhenAll(sent);
            Assert.All(received.Zip(hashes), static pair => Assert.Equal((TransferSize, pair.Second), pair.First));

            storm.ForEach(static socket => socket.Dispose());
            await gateway.SetDescriptorLimitAsync(1024);
            await AssertServedAsync();
            Assert.Equal(0, await StopAsync(gateway, clients, servers));
        }
        finally
        {
            foreach (var socket in clients.Concat(servers).Concat(storm))
            {
                socket.Dispose();
            }
        }
    }

    private async Task<int> StopAsync(Gateway gateway, List<Socket> clients, List<Socket> servers)
    {
        // Sessions of the storm's clients may wait in its queue.
        _upstream.Dispose();
        clients.ForEach(static socket => socket.Dispose());
        servers.ForEach(static socket => socket.Dispose());
        return await gateway.StopAsync();
    }

    private Task<string> SendAsync(Socket client, int seed) => HashPump.SendAndFinishAsync(client, TransferSize, seed, _timeout.Token);

    private Task<(long Count, string Hash)> ReceiveAsync(Socket server) => HashPump.ReceiveAsync(server, _timeout.Token);

    /// <summary>A new client reaches the destination. Clients of the storm, which have left, may come through before it.</summary>
    private async Task AssertServedAsync()
    {
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        await client.SendAsync(new byte[] { 42 }, _timeout.Token);
        var first = new byte[1];
        int count;
        do
        {
            using var server = await _upstream.AcceptAsync(_timeout.Token);
            count = await server.ReceiveAsync(first, _timeout.Token);
        }
        while (count == 0);

        Assert.Equal(42, first[0]);
    }
}
