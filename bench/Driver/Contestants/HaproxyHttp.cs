namespace Bench.Driver.Contestants;

/// <summary>HAProxy as an HTTP reverse proxy that shares its upstream connections.</summary>
internal sealed class HaproxyHttp(string name) : Haproxy(name)
{
    protected override string Section(int port, int upstream) => $"""
        listen web
            mode http
            bind 127.0.0.1:{port} backlog 4096
            option http-keep-alive
            http-reuse always
            server up 127.0.0.1:{upstream}
        """;
}
