using System.Text;
using Bench.Driver.Contestants;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;
using RelayCases;

namespace Bench.Driver.Cases;

/// <summary>NGINX stream.</summary>
internal sealed class NginxCases(string name, bool passesHalfClose) : CaseContestant(name)
{
    public override string? WhyUnavailable(Bench bench) => Missing("nginx");

    public override string? WhyNot(RelayCase relayCase) => relayCase.Route.ProxyProtocol == 2 ? "writes version 1 only" : null;

    public override Task<ServerProcess> StartAsync(Bench bench, int port, int upstream)
    {
        var folder = Path.Combine(bench.Paths.Temporary, $"nginx-cases-{passesHalfClose}");
        Directory.CreateDirectory(folder);
        var text = new StringBuilder($$"""
            {{NginxStream.LoadModule}}
            daemon off;
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            worker_processes {{Machine.CpuCount}};
            pid {{folder}}/nginx.pid;
            error_log {{folder}}/error.log warn;
            events { worker_connections 4096; }
            stream {
                proxy_half_close {{(passesHalfClose ? "on" : "off")}};
                limit_conn_zone $server_port zone=ports:1m;

            """);
        foreach (var route in Topology!.Routes)
        {
            Add(text, route);
        }

        text.AppendLine("}");
        var path = bench.Paths.Write($"nginx-cases-{passesHalfClose}/nginx.conf", text.ToString());
        return ServerProcess.StartAsync(bench, new ServerCommand(Name, port, Tool.Find("nginx")!, ["-p", folder, "-c", path, "-e", $"{folder}/error.log"]));
    }

    private static void Add(StringBuilder text, RelayRoute route)
    {
        var (id, settings) = (IdOf(route), route.Settings);
        var names = settings.ServerNames ?? [""];
        for (var i = 0; i < names.Count; i++)
        {
            text.AppendLine($"upstream {id}_{i} {{");
            foreach (var destination in settings.ServerNames is null ? route.Destinations : [route.Destinations[i]])
            {
                text.AppendLine($"    server {(destination.Kind == DestinationKind.ListeningOnUnixSocket ? "unix:" : "")}{destination.Address} max_fails=0;");
            }

            text.AppendLine("}");
        }

        if (settings.ServerNames is not null)
        {
            text.AppendLine($"map $ssl_preread_server_name ${id} {{").AppendLine("    hostnames;");
            for (var i = 0; i < names.Count; i++)
            {
                text.AppendLine($"    {(names[i].Length == 0 ? "default" : names[i])} {id}_{i};");
            }

            text.AppendLine("}");
        }

        text.AppendLine("server {").AppendLine($"    listen 127.0.0.1:{route.Port};");
        text.AppendLine($"    proxy_pass {(settings.ServerNames is null ? $"{id}_0" : $"${id}")};");
        text.AppendLine($"    proxy_connect_timeout {Seconds(settings.ConnectTimeout)};");
        text.AppendLine($"    proxy_timeout {Seconds(settings.IdleTimeout)};");
        text.AppendLine($"    proxy_next_upstream_tries {settings.ConnectAttempts};");
        if (route.Prereads || settings.ServerNames is not null)
        {
            text.AppendLine("    ssl_preread on;").AppendLine($"    preread_timeout {Seconds(settings.PrereadTimeout)};");
        }

        if (settings.MaxConnections is { } limit)
        {
            text.AppendLine($"    limit_conn ports {limit};");
        }

        if (settings.ProxyProtocol == 1)
        {
            text.AppendLine("    proxy_protocol on;");
        }

        text.AppendLine("}");
    }
}
