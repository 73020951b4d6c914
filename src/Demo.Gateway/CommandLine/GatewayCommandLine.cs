using Demo.Gateway.Errors;

namespace Demo.Gateway.CommandLine;

/// <summary>What was typed. Everything that is configuration goes on to ASP.NET Core as it stands.</summary>
internal sealed record GatewayCommandLine
{
    // An option that ASP.NET Core would silently take as a setting nobody reads is far more often a slip of the pen.
    private static readonly string[] s_sections =
        ["AccessLog", "Admin", "Demo", "HostBuilder", "HostOptions", "Kestrel", "LinuxTransport", "Logging", "ReverseProxy", "StaticFiles", "Telemetry"];

    private static readonly string[] s_settings =
    [
        "AllowedHosts", "ApplicationName", "CaptureStartupErrors", "ContentRoot", "DetailedErrors", "Environment", "Http_Ports", "Https_Ports",
        "PreferHostingUrls", "ShutdownDelay", "ShutdownTimeout", "ShutdownTimeoutSeconds", "SuppressStatusMessages", "Urls", "User", "WebRoot",
    ];

    public bool ShowHelp { get; private init; }

    public bool ShowVersion { get; private init; }

    /// <summary>The file after <c>--config</c>.</summary>
    public string? ConfigFile { get; private init; }

    /// <summary>Settings such as <c>--urls=…</c> and <c>--Section:Key=…</c>.</summary>
    public IReadOnlyList<string> Settings { get; private init; } = [];

    public static GatewayCommandLine Parse(IReadOnlyList<string> arguments)
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

            if (name != "--config" && !IsSetting(name))
            {
                throw new ConfigurationMistakeException(
                    $"{name}: unknown option; accepted are --config FILE, --help, --version, settings such as --urls=URL or --Section:Key=VALUE, " +
                    $"and the commands {Commands.Names}.");
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
            else if (value.Length > 0 || !s_sections.Contains(name[2..], StringComparer.OrdinalIgnoreCase))
            {
                settings.Add($"{name}={value}");
            }
        }

        return result with { Settings = settings };
    }

    private static bool IsSetting(string name)
    {
        if (!name.StartsWith("--", StringComparison.Ordinal))
        {
            return false;
        }

        var key = name[2..].Replace("__", ":", StringComparison.Ordinal);
        var colon = key.IndexOf(':', StringComparison.Ordinal);
        return s_sections.Contains(colon < 0 ? key : key[..colon], StringComparer.OrdinalIgnoreCase)
            || (colon < 0 && s_settings.Contains(key, StringComparer.OrdinalIgnoreCase));
    }
}
