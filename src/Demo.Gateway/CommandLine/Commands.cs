using Demo.Gateway.Admin;
using Demo.Gateway.Check;
using Demo.Gateway.Doctor;
using Demo.Gateway.Errors;
using Demo.Gateway.Hosting;

namespace Demo.Gateway.CommandLine;

/// <summary>Finds what the command line asks for: one of the commands, help, the version, or to serve.</summary>
internal static class Commands
{
    private static readonly ICommand[] s_all = [new CheckCommand(), new DoctorCommand(), new HealthCommand(), new RoutesCommand()];

    /// <summary>The names, as messages list them.</summary>
    public static string Names { get; } = string.Join(", ", s_all.Select(static command => command.Name));

    /// <returns>The exit code.</returns>
    public static Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        if (arguments.Count > 0 && s_all.FirstOrDefault(command => command.Name == arguments[0]) is { } command)
        {
            string[] rest = [.. arguments.Skip(1)];
            return rest.Any(static argument => argument is "--help" or "-h") ? Print(command.Help) : command.RunAsync(rest);
        }

        var options = GatewayCommandLine.Parse(arguments);
        return options.ShowHelp ? Print(Usage.Text)
            : options.ShowVersion ? Print(Usage.Version + "\n")
            : GatewayApplication.RunAsync(options);
    }

    private static Task<int> Print(string text)
    {
        Console.Out.Write(text);
        return Task.FromResult(ExitCodes.Success);
    }
}
