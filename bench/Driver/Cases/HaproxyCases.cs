using System.Text;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;
using RelayCases;

namespace Bench.Driver.Cases;

/// <summary>HAProxy in TCP mode, splicing when it thinks that it helps.</summary>
internal sealed class HaproxyCases() : CaseContestant("HAProxy")
{
    public override string? WhyUnavailable(Bench bench) => Missing("haproxy");

    public override Task<ServerProcess> StartAsync(Bench bench, int port, int upstream)
    {
        var text = new StringBuilder($"""
            global
                nbthread {Machine.CpuCount}
                maxconn 6000
            defaults
                mode tcp
                option splice-auto
                balance roundrobin

            """);
        foreach (var route in Topology!.Routes)
        {
            Add(text, route);
        }

        var path = bench.Paths.Write("haproxy-cases.cfg", text.ToString());
        return ServerProcess.StartAsync(bench, new ServerCommand(Name, port, Tool.Find("haproxy")!, ["-db", "-f", path]));
    }

    private static void Add(StringBuilder text, RelayRoute route)
    {
        var (id, settings) = (IdOf(route), route.Settings);
        text.AppendLine($"frontend {id}");
        text.AppendLine($"    bind 127.0.0.1:{route.Port}");
        text.AppendLine($"    timeout client {Seconds(settings.IdleTimeout)}");
        text.AppendLine($"    timeout client-fin {Seconds(settings.HalfCloseTimeout)}");
        if (settings.MaxConnections is { } limit)
        {
            text.AppendLine($"    maxconn {limit}");
        }

        if (route.Prereads || settings.ServerNames is not null)
        {
            text.AppendLine($"    tcp-request inspect-delay {Seconds(settings.PrereadTimeout)}");
            text.AppendLine("    tcp-request content accept if { req.ssl_hello_type 1 }");
        }

        var names = settings.ServerNames ?? [""];
        for (var i = 0; i < names.Count; i++)
        {
            text.AppendLine(names[i] switch
            {
                "" => $"    default_backend {id}_{i}",
                ['*', .. var suffix] => $"    use_backend {id}_{i} if {{ req.ssl_sni -i -m end {suffix} }}",
                var name => $"    use_backend {id}_{i} if {{ req.ssl_sni -i {name} }}",
            });
        }

        for (var i = 0; i < names.Count; i++)
        {
            AddBackend(text, $"{id}_{i}", settings, settings.ServerNames is null ? route.Destinations : [route.Destinations[i]]);
        }
    }

    private static void AddBackend(StringBuilder text, string id, RouteSettings settings, IReadOnlyList<Destination> destinations)
    {
        text.AppendLine($"backend {id}");
        text.AppendLine($"    timeout connect {Seconds(settings.ConnectTimeout)}");
        text.AppendLine($"    timeout server {Seconds(settings.IdleTimeout)}");
        text.AppendLine($"    timeout server-fin {Seconds(settings.HalfCloseTimeout)}");
        text.AppendLine($"    retries {settings.ConnectAttempts - 1}");
        text.AppendLine("    option redispatch 1");
        for (var i = 0; i < destinations.Count; i++)
        {
            text.AppendLine($"    server d{i} {destinations[i].Address}{settings.ProxyProtocol switch { 1 => " send-proxy", 2 => " send-proxy-v2", _ => "" }}");
        }
    }
}
