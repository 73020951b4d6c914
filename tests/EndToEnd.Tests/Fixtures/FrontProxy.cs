using Testing;

namespace EndToEnd.Tests.Fixtures;

/// <summary>HAProxy or NGINX on a loopback port in front of the gateway, which it sends PROXY protocol headers.</summary>
internal sealed class FrontProxy : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;
    private readonly RunningProgram _program;

    private FrontProxy(TemporaryFolder folder, RunningProgram program, int port) => (_folder, _program, Port) = (folder, program, port);

    public int Port { get; }

    /// <param name="upstreamPort">The gateway's port.</param>
    /// <param name="options">Of HAProxy's server line, such as <c>send-proxy-v2</c>.</param>
    public static Task<FrontProxy> StartHaproxyAsync(int upstreamPort, string options) => StartAsync(
        (port, _) => $"""
            defaults
              mode tcp
              timeout connect 10s
              timeout client 60s
              timeout server 60s
            listen front
              bind 127.0.0.1:{port}
              server gateway 127.0.0.1:{upstreamPort} {options}

            """,
        static file => RunningProgram.Start(Programs.Require("haproxy"), ["-db", "-f", file]));

    /// <param name="upstreamPort">The gateway's port.</param>
    public static Task<FrontProxy> StartNginxAsync(int upstreamPort) => StartAsync(
        (port, folder) => $$"""
            load_module {{Programs.Require("ngx_stream_module.so")}};
            daemon off;
            master_process off;
            pid {{folder}}/pid;
            error_log stderr;
            events { }
            stream { server { listen 127.0.0.1:{{port}}; proxy_pass 127.0.0.1:{{upstreamPort}}; proxy_protocol on; } }

            """,
        static file => RunningProgram.Start(Programs.Require("nginx"), ["-c", file, "-p", Path.GetDirectoryName(file)!, "-e", "stderr"]));

    public async ValueTask DisposeAsync()
    {
        await _program.DisposeAsync();
        _folder.Dispose();
    }

    private static async Task<FrontProxy> StartAsync(Func<int, string, string> configure, Func<string, RunningProgram> start)
    {
        var folder = new TemporaryFolder("gateway-front");
        var port = FreePort.Next();
        var file = folder["front.conf"];
        await File.WriteAllTextAsync(file, configure(port, folder.FullName));
        var proxy = new FrontProxy(folder, start(file), port);
        await Deadline.UntilListeningAsync(port, () => proxy._program.Everything);
        return proxy;
    }
}
