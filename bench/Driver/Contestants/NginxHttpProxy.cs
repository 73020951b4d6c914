namespace Bench.Driver.Contestants;

/// <summary>NGINX as an HTTP reverse proxy that keeps its upstream connections.</summary>
internal sealed class NginxHttpProxy(string name) : Nginx(name)
{
    protected override string Section(string folder, int port, int upstream) => $$"""
        http {
            {{HttpPaths(folder)}}
            keepalive_requests 1000000000;
            upstream up {
                server 127.0.0.1:{{upstream}};
                keepalive 128;
                keepalive_requests 1000000000;
            }
            server {
                listen 127.0.0.1:{{port}} reuseport backlog=4096;
                location / {
                    proxy_pass http://up;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                    proxy_set_header Host $host;
                }
            }
        }
        """;
}
