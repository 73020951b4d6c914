using Demo.Gateway.Errors;

namespace Demo.Gateway.CommandLine;

/// <summary>What the program does instead of serving, named by the first word of the command line.</summary>
internal interface ICommand
{
    string Name { get; }

    /// <summary>What <c>--help</c> prints after the name.</summary>
    string Help { get; }

    /// <param name="arguments">What stands after the name.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="ConfigurationMistakeException">The arguments are wrong.</exception>
    Task<int> RunAsync(IReadOnlyList<string> arguments);
}
