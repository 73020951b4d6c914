namespace Bench.Driver.Contestants;

/// <summary>NGINX answering by itself, with a constant.</summary>
internal sealed class NginxConstant(string name, int requestsPerConnection) : Nginx(name)
{
    protected override string Section(string folder, int port, int upstream) => $$"""
        http {
            {{HttpPaths(folder)}}
            {{KeepAlive()}}
            default_type text/plain;
            server {
                listen 127.0.0.1:{{port}} reuseport backlog=4096;
                location / { return 200 "Hello, World!"; }
            }
        }
        """;

    private string KeepAlive() => requestsPerConnection switch
    {
        0 => "keepalive_requests 1000000000;",
        1 => "keepalive_timeout 0;",
        _ => $"keepalive_requests {requestsPerConnection};",
    };
}
