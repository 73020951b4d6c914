using System.Reflection;

namespace Demo.Gateway.CommandLine;

/// <summary>What <c>--help</c> and <c>--version</c> print.</summary>
internal static class Usage
{
    public const string Text = """
        Demo.Gateway: HTTP routes through YARP and raw TCP routes, on an epoll transport for Kestrel.

        Usage:
          Demo.Gateway [--config FILE] [--Section:Key=VALUE ...]
          Demo.Gateway COMMAND ...

        Commands (each has a --help of its own):
          check                    All mistakes of a configuration, without starting.
          doctor                   What this machine gives a gateway, and what to change.
          health                   Whether the gateway that runs here is well, by its admin endpoint.
          routes                   The routes of a configuration, with what they mean.

        Without a ReverseProxy section in any configuration it runs a demonstration: two sample HTTP upstreams and
        a TCP echo upstream, all inside this process, on the loopback interface only.

        Options:
          --config FILE            Serve the routes of this JSON file. It wins over appsettings.json and is read again
                                   when it changes; a broken change is logged and the running configuration stays.
          --urls URL[;URL...]      Where to serve HTTP, for example http://0.0.0.0:8080. Endpoints with certificates
                                   are set under Kestrel:Endpoints. Default: http://127.0.0.1:8080 if there is an HTTP
                                   route, nothing if there are only TCP routes.
          --ShutdownDelay=TIME     How long it serves on after SIGTERM or Ctrl-C while it says that it is not ready, so that
                                   load balancers notice. Default: 00:00:00.
          --ShutdownTimeout=TIME   How long transfers in flight may go on after that. A second signal ends it at once.
                                   Default: 00:00:30.
          --User=NAME              Started as root: the user, by name or number, that the gateway becomes once its ports are
                                   open and its eBPF program is loaded. Default: it stays root.
          --Admin:Url=URL          Dashboard, metrics and probes. Default: http://127.0.0.1:9901; off for none.
          --Admin:Token=TOKEN      What actions of the dashboard need, 16 to 256 characters. Default: none, no actions.
          --AccessLog:Path=FILE    A line for each TCP session and HTTP request; - is standard output. Default: none.
          --StaticFiles:Root=DIR   Serves the files of a folder, before any route. Default: none.
          --Upgrade:Socket=PATH    Where a running gateway hands its ports to the next one: a start with the same path takes over from
                                   it without losing a connection. SIGUSR2 starts the next one. Default: none.
          --Demo:HttpPort=PORT     The demonstration's HTTP port, 1 to 65535. Default: 8080.
          --Demo:TcpPort=PORT      The demonstration's TCP port, 1 to 65535. Default: 9000.
          --Section:Key=VALUE      Any setting under AccessLog, Admin, Demo, Kestrel, LinuxTransport, Logging, ReverseProxy,
                                   StaticFiles or Upgrade. As an environment variable: Section__Key=VALUE.
          -h, --help               Print this and exit.
          --version                Print the version and exit.

        What wins, from the weakest: appsettings.json, --config FILE, environment variables, command line.

        Examples:
          Demo.Gateway
          Demo.Gateway --Demo:HttpPort=8081 --Demo:TcpPort=9001
          Demo.Gateway --config /etc/gateway.json --LinuxTransport:ThreadCount=4
          Demo.Gateway --config /etc/gateway.json --urls "http://0.0.0.0:80"

        Exit codes:
          0  stopped as asked (SIGTERM, Ctrl-C), --help, --version
          1  the machine refused: a port in use, no permission
          2  wrong command line or configuration; each mistake is one line on standard error
          130, 131, 143  a second signal (Ctrl-C, SIGQUIT, SIGTERM) ended it at once

        """;

    public static string Version { get; } =
        "Demo.Gateway " + (typeof(Usage).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown");
}
