using Demo.Gateway.CommandLine;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Check;

/// <summary><c>Demo.Gateway check</c>: whether the gateway would start with a configuration, and all that is wrong with it.</summary>
internal sealed class CheckCommand : ICommand
{
    public string Name => "check";

    public string Help => """
        Demo.Gateway check [--config FILE] [--Section:Key=VALUE ...]

        Reads a configuration as the start does, and prints every mistake: file and line, key, value and what would be
        accepted. Opens no port, connects to nothing. Keys that nobody reads are warnings.

          --config FILE         The file to check. What else counts at start counts here, too: appsettings.json,
                                environment variables and the settings on the command line.
          --Section:Key=VALUE   As at start.

        Exit codes:
          0  no mistake; there may be warnings
          2  mistakes, or a wrong command line

        """;

    public Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        var commandLine = GatewayCommandLine.Parse(arguments);
        var result = ConfigurationCheck.Run(commandLine);
        result.PrintMistakes(Console.Error);
        Console.Out.WriteLine($"{commandLine.ConfigFile ?? "configuration"}: {Count(result.Mistakes.Count, "mistake")}, {Count(result.Warnings.Count, "warning")}" +
            (result.IsDemonstration ? "; no route is configured, so the demonstration would run." : "."));
        return Task.FromResult(result.Mistakes.Count == 0 ? ExitCodes.Success : ExitCodes.Configuration);

        static string Count(int count, string thing) => count switch
        {
            0 => $"no {thing}s",
            1 => $"1 {thing}",
            _ => $"{count} {thing}s",
        };
    }
}
