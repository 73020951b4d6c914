using System.Globalization;
using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>An unprivileged gateway whose pipes reach fs.pipe-user-pages-soft (pipe(7)): then the kernel gives a page or two for a pipe.</summary>
public sealed class PipeLimitTests : IDisposable
{
    private const string Without = "-sys_resource,-sys_admin";
    private const int PagesOfAPipe = 256;
    private const int TransferSize = 2_000_000;

    private readonly CancellationTokenSource _timeout = new(Deadline.Default);
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
    }

    [RequiresProgramFact("setpriv")]
    public async Task Sessions_beyond_the_limit_are_copied_and_all_go_on()
    {
        var limit = int.Parse(await File.ReadAllTextAsync("/proc/sys/fs/pipe-user-pages-soft"), CultureInfo.InvariantCulture);
        var sessions = (limit / PagesOfAPipe) + 16;
        await using var gateway = await Gateway.StartUnderAsync(
            ["env", $"DOTNET_STARTUP_HOOKS={typeof(PipeLimitTests).Assembly.Location}", $"{StartupHook.MetricVariable}=splice.fallbacks",
                "setpriv", $"--bounding-set={Without}", $"--inh-caps={Without}"],
            GatewayConfiguration.Tcp("Splice", _port, _upstream.Port));
        var clients = new List<Socket>();
        var servers = new List<Socket>();
        try
        {
            for (var i = 0; i < sessions; i++)
            {
                clients.Add(await TcpUpstream.ConnectAsync(_port, _timeout.Token));
                servers.Add(await _upstream.AcceptAsync(_timeout.Token));
            }

            // Nobody reads yet, so that every session wants to keep a pipe.
            var sent = clients.Select((client, seed) => SendAsync(client, seed)).ToArray();
            const string Reason = "no pipe of 64 KiB can be had, the pipes of this user are at the limit (fs.pipe-user-pages-soft)";
            await gateway.Program.WaitForOutputAsync($"mode Splice runs as Copy: {Reason}");
            await gateway.Program.WaitForOutputAsync(
                $"splice.fallbacks +1 splice.route=tcp, splice.requested=Splice, splice.effective=Copy, splice.reason={Reason}");
            var received = await Task.WhenAll(servers.Select(ReceiveAsync));
            Assert.Equal((await Task.WhenAll(sent)).Select(static hash => ((long)TransferSize, hash)), received);
            Assert.Equal(2, gateway.Program.Output.Split("mode Splice runs as Copy").Length);
        }
        finally
        {
            clients.ForEach(static socket => socket.Dispose());
            servers.ForEach(static socket => socket.Dispose());
        }
    }

    private Task<string> SendAsync(Socket client, int seed) => HashPump.SendAndFinishAsync(client, TransferSize, seed, _timeout.Token);

    private Task<(long Count, string Hash)> ReceiveAsync(Socket server) => HashPump.ReceiveAsync(server, _timeout.Token);
}
