namespace Bench.Driver.Contestants;

/// <summary>NGINX serving files with sendfile(2), set up for it: one packet for head and file, open files kept.</summary>
internal sealed class NginxFiles(string name, string files) : Nginx(name)
{
    protected override string Section(string folder, int port, int upstream) => $$"""
        http {
            {{HttpPaths(folder)}}
            keepalive_requests 1000000000;
            sendfile on;
            tcp_nopush on;
            open_file_cache max=1000 inactive=60s;
            default_type application/octet-stream;
            server {
                listen 127.0.0.1:{{port}} reuseport backlog=4096;
                root {{files}};
            }
        }
        """;
}
