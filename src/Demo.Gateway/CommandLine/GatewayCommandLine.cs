using Demo.Gateway.Errors;

namespace Demo.Gateway.CommandLine;

/// <summary>What was typed. Everything that is configuration goes on to ASP.NET Core as it stands.</summary>
internal sealed record GatewayCommandLine
{
    public bool ShowHelp { get; private init; }

    public bool ShowVersion { get; private init; }

    /// <summary>The file after <c>--config</c>.</summary>
    public string? ConfigFile { get; private init; }

    /// <summary>Settings such as <c>--urls=…</c> and <c>--Section:Key=…</c>.</summary>
    public IReadOnlyList<string> Settings { get; private init; } = [];

    /// <summary>Those options without a value that were given, of the ones that a command has.</summary>
    public IReadOnlyList<string> Flags { get; private init; } = [];

    /// <param name="arguments">The command line, without the name of a command.</param>
    /// <param name="flags">Options without a value that the command has.</param>
    /// <exception cref="ConfigurationMistakeException">There is an unknown option, or one without its value.</exception>
    public static GatewayCommandLine Parse(IReadOnlyList<string> arguments, params string[] flags)
    {
        var settings = new List<string>();
        var result = new GatewayCommandLine();
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? argument : argument[..equals];
            switch (name)
            {
                case "--help" or "-h" when equals < 0:
                    result = result with { ShowHelp = true };
                    continue;
                case "--version" when equals < 0:
                    result = result with { ShowVersion = true };
                    continue;
            }

            if (flags.Contains(argument))
            {
                result = result with { Flags = [.. result.Flags, argument] };
                continue;
            }

            if (name != "--config" && !IsSetting(name))
            {
                throw new ConfigurationMistakeException(
                    $"{name}: unknown option; accepted are --config FILE, {string.Concat(flags.Select(static flag => flag + ", "))}--help, --version, " +
                    $"settings such as --urls=URL or --Section:Key=VALUE, and, as the first word, {Commands.Names}.");
            }

            var value = equals < 0 ? arguments.ElementAtOrDefault(++i) : argument[(equals + 1)..];
            if (value is null || (equals < 0 && value.StartsWith("--", StringComparison.Ordinal)) || (name == "--config" && value.Length == 0))
            {
                throw new ConfigurationMistakeException(
                    $"{name}: the value is missing; accepted is {(name == "--config" ? "--config FILE" : $"{name}=VALUE")}.");
            }

            if (name == "--config")
            {
                result = result.ConfigFile is null
                    ? result with { ConfigFile = value }
                    : throw new ConfigurationMistakeException($"--config: {value} is a second file; accepted is one.");
            }
            // Hosts that pass a whole configuration on, as test servers do, name its sections too.
            else if (value.Length > 0 || !KnownSettings.Sections.Contains(name[2..], StringComparer.OrdinalIgnoreCase))
            {
                settings.Add($"{name}={value}");
            }
        }

        return result with { Settings = settings };
    }

    // An option that ASP.NET Core would silently take as a setting nobody reads is far more often a slip of the pen.
    private static bool IsSetting(string name)
    {
        if (!name.StartsWith("--", StringComparison.Ordinal))
        {
            return false;
        }

        var key = name[2..].Replace("__", ":", StringComparison.Ordinal);
        var colon = key.IndexOf(':', StringComparison.Ordinal);
        return KnownSettings.Sections.Contains(colon < 0 ? key : key[..colon], StringComparer.OrdinalIgnoreCase)
            || (colon < 0 && KnownSettings.Names.Contains(key, StringComparer.OrdinalIgnoreCase));
    }
}
