using Bench.Driver.Measuring;
using Bench.Driver.Processes;

namespace Bench.Driver.Contestants;

/// <summary>NGINX: one worker a CPU, a listening socket for each (reuseport), nothing logged.</summary>
internal abstract class Nginx(string name) : Contestant(name)
{
    public override string? WhyUnavailable(Bench bench) => Missing("nginx");

    public override Task<ServerProcess> StartAsync(Bench bench, int port, int upstream)
    {
        var folder = Path.Combine(bench.Paths.Temporary, $"nginx-{port}");
        Directory.CreateDirectory(folder);
        var configuration = $$"""
            {{Modules()}}
            daemon off;
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            worker_processes {{Machine.CpuCount}};
            worker_rlimit_nofile 20000;
            pid {{folder}}/nginx.pid;
            error_log {{folder}}/error.log warn;
            events { worker_connections 16384; }
            {{Section(folder, port, upstream)}}
            """;
        var path = bench.Paths.Write($"nginx-{port}/nginx.conf", configuration);
        return ServerProcess.StartAsync(bench, new ServerCommand(Name, port, Tool.Find("nginx")!, ["-p", folder, "-c", path, "-e", $"{folder}/error.log"]));
    }

    protected virtual string Modules() => "";

    protected abstract string Section(string folder, int port, int upstream);

    protected static string HttpPaths(string folder) => $$"""
        access_log off; server_tokens off;
            client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy; fastcgi_temp_path {{folder}}/fastcgi;
            uwsgi_temp_path {{folder}}/uwsgi; scgi_temp_path {{folder}}/scgi;
        """;
}
