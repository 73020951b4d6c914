using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>The gateway as a service of systemd's: what it tells, and what it takes over.</summary>
public sealed partial class ServiceManagerTests : IDisposable
{
    private const int F_SETFD = 2;

    private readonly TemporaryFolder _folder = new("gateway-service");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_tells_when_it_is_ready_and_when_it_stops()
    {
        var path = _folder["notify"];
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(path));
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(
            GatewayConfiguration.Tcp("Copy", port, FreePort.Next()), new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path });
        Assert.Equal("READY=1", await ReceiveAsync(manager));
        Assert.Equal(0, await gateway.StopAsync());
        Assert.Equal("STOPPING=1", await ReceiveAsync(manager));
    }

    [RequiresProgramFact("bash")]
    public async Task It_serves_HTTP_on_a_socket_that_was_opened_for_it()
    {
        await using var site = await HttpUpstream.StartAsync();
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        inherited.Listen();
        var file = _folder["gateway.json"];
        await File.WriteAllTextAsync(file, GatewayConfiguration.Http(site.Address, []).ToJsonString());
        using var client = new HttpClient();
        // The client comes first: its connection waits for the service to start.
        var response = client.GetStringAsync($"http://{inherited.LocalEndPoint}/plain");

        var descriptor = (int)inherited.Handle;
        Assert.Equal(0, fcntl(descriptor, F_SETFD, 0));
        await using var gateway = Gateway.RunThrough(
            ["bash", "-c", $"exec 3<&{descriptor} {descriptor}<&-; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\"", "bash"], "--config", file);
        Assert.Equal(0, fcntl(descriptor, F_SETFD, 1));

        Assert.NotEmpty(await response);
        Assert.DoesNotContain("127.0.0.1:8080", gateway.Output, StringComparison.Ordinal);
    }

    private static async Task<string> ReceiveAsync(Socket manager)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        var buffer = new byte[256];
        return Encoding.UTF8.GetString(buffer, 0, await manager.ReceiveAsync(buffer, timeout.Token));
    }

    [LibraryImport("libc")]
    private static partial int fcntl(int descriptor, int command, nint argument);
}
