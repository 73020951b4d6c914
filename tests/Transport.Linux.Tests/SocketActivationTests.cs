using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>Descriptors that a service manager opened, as Kestrel's ListenHandle passes them on (and UseSystemd, which calls it for LISTEN_FDS).</summary>
[Collection(RunsAlone.Name)]
public partial class SocketActivationTests
{
    private const int F_SETFD = 2;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ListenHandle_BoundSocket_ServesHttpAndStaysOpen(bool isListening)
    {
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        if (isListening)
        {
            // systemd listens before it starts the service (systemd.socket(5)); clients may be waiting already.
            inherited.Listen();
        }

        var builder = KestrelServer.CreateBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenHandle((ulong)inherited.Handle));
        await using var app = builder.Build();
        app.MapGet("/", static () => "activated");
        await app.StartAsync();
        using (var client = new HttpClient())
        {
            Assert.Equal("activated", await client.GetStringAsync($"http://{inherited.LocalEndPoint}/").WaitAsync(Deadline.Default));
        }

        await app.StopAsync().WaitAsync(Deadline.Default);
        // Still its owner's, and still listening for the next start of the service.
        Assert.Equal(0, SocketCalls.GetOption((int)inherited.Handle, SocketCalls.SOL_SOCKET, SocketCalls.SO_ERROR, out _));
        using var waiting = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await waiting.ConnectAsync(inherited.LocalEndPoint!).WaitAsync(Deadline.Default);
    }

    [RequiresProgramFact("bash")]
    public async Task Systemd_PassesAListeningDescriptor_TheApplicationServesOnItAndLeavesItToTheNextStart()
    {
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        inherited.Listen();
        using var client = new HttpClient { Timeout = Deadline.Default };
        for (var start = 0; start < 2; start++)
        {
            // The client comes first: systemd starts a service because of it.
            var response = client.GetStringAsync($"http://{inherited.LocalEndPoint}/");
            await using var app = RunActivated(inherited);
            Assert.Equal("Hello from the event loop", await response);
            app.Terminate();
            Assert.Equal(0, await app.WaitForExitAsync());
            // Nothing else is opened.
            Assert.DoesNotContain("localhost:5000", app.Output, StringComparison.Ordinal);
        }
    }

    [RequiresProgramFact("bash")]
    public async Task Systemd_DescriptorIsMeantForAnotherProcess_IsLeftAlone()
    {
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        inherited.Listen();
        await using var app = RunActivated(inherited, listenPid: "1", "--urls=http://127.0.0.1:0");
        await app.WaitForOutputAsync("Application started");
        Assert.DoesNotContain($":{((IPEndPoint)inherited.LocalEndPoint!).Port}", app.Output, StringComparison.Ordinal);
    }

    /// <summary>As sd_listen_fds(3) describes it: descriptor 3, and the variables name the very process that gets it.</summary>
    private static RunningProgram RunActivated(Socket listening, string listenPid = "$$", params string[] arguments)
    {
        var descriptor = (int)listening.Handle;
        // Inherited by the child; nothing else starts processes meanwhile.
        Assert.Equal(0, fcntl(descriptor, F_SETFD, 0));
        var script = $"exec 3<&{descriptor} {descriptor}<&-; export LISTEN_FDS=1 LISTEN_PID={listenPid}; exec \"$@\"";
        var program = PlainApp.Run(["bash", "-c", script, "bash"], arguments);
        Assert.Equal(0, fcntl(descriptor, F_SETFD, 1));
        return program;
    }

    [LibraryImport("libc")]
    private static partial int fcntl(int descriptor, int command, nint argument);
}
