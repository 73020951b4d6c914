using System.Globalization;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Demonstration;

/// <summary>The section <c>Demo</c>.</summary>
internal sealed record DemoOptions(int HttpPort, int TcpPort)
{
    public const string SectionName = "Demo";

    private const int MaxPort = 65535;

    public static DemoOptions Read(IConfiguration configuration)
    {
        var section = configuration.GetSection(SectionName);
        foreach (var key in section.GetChildren().Select(child => child.Key))
        {
            if (!string.Equals(key, nameof(HttpPort), StringComparison.OrdinalIgnoreCase)
                && !string.Equals(key, nameof(TcpPort), StringComparison.OrdinalIgnoreCase))
            {
                throw new ConfigurationMistakeException($"{SectionName}:{key}: unknown key; accepted are {nameof(HttpPort)} and {nameof(TcpPort)}.");
            }
        }

        return new DemoOptions(ReadPort(section, nameof(HttpPort), 8080), ReadPort(section, nameof(TcpPort), 9000));
    }

    private static int ReadPort(IConfigurationSection section, string key, int defaultPort)
    {
        var text = section[key];
        if (text is null)
        {
            return defaultPort;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= MaxPort
            ? port
            : throw new ConfigurationMistakeException($"{SectionName}:{key} is '{text}'; accepted is a port from 1 to {MaxPort}.");
    }
}
