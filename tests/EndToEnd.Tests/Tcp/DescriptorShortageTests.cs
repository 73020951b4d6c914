using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Tcp;

/// <summary>Relays that want more descriptors than there are. The runtime aborts a process that has none left for it.</summary>
public sealed class DescriptorShortageTests(ITestOutputHelper output) : IDisposable
{
    private const int Limit = 400;

    /// <summary>Of the 50 that are kept from accepting, connections to destinations may use half.</summary>
    private const int OwnDescriptors = 25;

    private readonly EchoUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose() => _upstream.Dispose();

    [RequiresProgramTheory("prlimit")]
    [InlineData("Copy")]
    [InlineData("Splice")]
    public async Task Clients_that_want_a_destination_all_at_once_leave_the_process_its_descriptors(string mode)
    {
        var configuration = GatewayConfiguration.Tcp(mode, _port, _upstream.Port);
        var route = configuration["ReverseProxy"]!["Routes"]!["tcp"]!;
        route["Match"]!["Hosts"] = new System.Text.Json.Nodes.JsonArray($"a.example:{_port}");
        route["Splice"]!["PrereadTimeout"] = "00:01:00";
        await using var gateway = await Gateway.StartUnderAsync(
            ["env", $"DOTNET_STARTUP_HOOKS={typeof(DescriptorShortageTests).Assembly.Location}",
                $"{StartupHook.MetricVariable}=splice.connect.failures", "prlimit", $"--nofile={Limit}:{Limit}"],
            configuration);
        var hello = CaptureHello();
        var clients = new List<Socket>();
        try
        {
            // A client costs one descriptor as long as its ClientHello is awaited: accepting stops when they have all but the reserve.
            for (var i = 0; i < Limit; i++)
            {
                clients.Add(await ConnectAsync());
            }

            await gateway.Program.WaitForOutputAsync("is paused: 350 of 400 descriptors");
            foreach (var client in clients)
            {
                await client.SendAsync(hello);
            }

            await gateway.Program.WaitForOutputAsync("all descriptors but the process's reserve are in use (RLIMIT_NOFILE)");
            await gateway.Program.WaitForOutputAsync("splice.connect.failures +1");
            Assert.InRange(gateway.DescriptorCount, 1, Limit - OwnDescriptors + 10);

            var before = gateway.ProcessorTime;
            await Task.Delay(1500);
            var used = gateway.ProcessorTime - before;
            output.WriteLine($"{gateway.DescriptorCount} descriptors; {used.TotalMilliseconds} ms of processor time in 1.5 s");
            Assert.InRange(used, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        }
        finally
        {
            clients.ForEach(static client => client.Dispose());
        }

        // Clients that have left may come through first.
        await Deadline.UntilAsync(() => IsServedAsync(hello), () => $"nobody is served:\n{gateway.Program.Everything}");
        Assert.Equal(0, await gateway.StopAsync());
    }

    private async Task<bool> IsServedAsync(byte[] hello)
    {
        using var client = await ConnectAsync();
        try
        {
            await client.SendAsync(hello);
            return await client.ReceiveAsync(new byte[hello.Length]).WaitAsync(TimeSpan.FromSeconds(5)) > 0;
        }
        catch (Exception exception) when (exception is SocketException or TimeoutException)
        {
            return false;
        }
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _port)).WaitAsync(Deadline.Default);
        return socket;
    }

    private static byte[] CaptureHello()
    {
        using var written = new MemoryStream();
        using var tls = new SslStream(written, leaveInnerStreamOpen: true);
        Assert.ThrowsAny<IOException>(() => tls.AuthenticateAsClient("a.example"));
        return written.ToArray();
    }
}
