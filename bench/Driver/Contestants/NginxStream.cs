using Bench.Driver.Processes;

namespace Bench.Driver.Contestants;

/// <summary>NGINX as a TCP relay.</summary>
internal sealed class NginxStream(string name, string bufferSize = "16k") : Nginx(name)
{
    // Debian builds the stream module apart; other builds have it inside.
    private static readonly string[] s_modules =
        ["/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so", "/usr/share/nginx/modules/ngx_stream_module.so"];

    /// <summary>The line that loads the stream module, where it is apart.</summary>
    public static string LoadModule => s_modules.FirstOrDefault(File.Exists) is { } module ? $"load_module {module};" : "";

    protected override string Modules() => LoadModule;

    protected override string Section(string folder, int port, int upstream) => $$"""
        stream {
            upstream up { server 127.0.0.1:{{upstream}}; }
            server {
                listen 127.0.0.1:{{port}} reuseport backlog=4096;
                proxy_pass up;
                proxy_timeout 1h;
                proxy_buffer_size {{bufferSize}};
                {{HalfClose()}}
            }
        }
        """;

    // proxy_half_close came with 1.21.4; without it NGINX cuts the other direction at a FIN.
    private static string HalfClose()
    {
        var text = Tool.RunCombined("nginx", "-v");
        var version = text[(text.IndexOf('/', StringComparison.Ordinal) + 1)..].Split(' ')[0].Trim();
        return Version.TryParse(version, out var parsed) && parsed >= new Version(1, 21, 4) ? "proxy_half_close on;" : "";
    }
}
