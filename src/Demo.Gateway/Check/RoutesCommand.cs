using Demo.Gateway.CommandLine;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Check;

/// <summary><c>Demo.Gateway routes</c>: the routes of a configuration as they would be served.</summary>
internal sealed class RoutesCommand : ICommand
{
    private const string Json = "--json";

    public string Name => "routes";

    public string Help => """
        Demo.Gateway routes [--config FILE] [--json] [--Section:Key=VALUE ...]

        Prints the routes of a configuration: mode, port, names, cluster, destinations, and what is not left at its
        default. Opens no port, connects to nothing. A configuration with mistakes has no routes; they are printed instead.

          --config FILE         The file. What else counts at start counts here, too: appsettings.json, environment
                                variables and the settings on the command line.
          --json                As JSON; docs/doctor.md describes it.
          --Section:Key=VALUE   As at start.

        Exit codes:
          0  the routes were printed
          2  mistakes in the configuration, or a wrong command line

        """;

    public Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        var commandLine = GatewayCommandLine.Parse(arguments, Json);
        var result = ConfigurationCheck.Run(commandLine);
        result.PrintMistakes(Console.Error);
        if (result.Mistakes.Count > 0)
        {
            return Task.FromResult(ExitCodes.Configuration);
        }

        var routes = EffectiveRoutes.Of(result);
        Console.Out.Write(commandLine.Flags.Contains(Json) ? RoutesJson.Write(routes) : RoutesText.Write(routes, result.IsDemonstration));
        return Task.FromResult(ExitCodes.Success);
    }
}
