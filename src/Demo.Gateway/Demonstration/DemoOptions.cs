using System.Globalization;
using Demo.Gateway.Configuration;

namespace Demo.Gateway.Demonstration;

/// <summary>The section <c>Demo</c>.</summary>
internal sealed record DemoOptions(int HttpPort, int TcpPort)
{
    public const string SectionName = "Demo";

    private const int MaxPort = 65535;

    public static DemoOptions Read(IConfiguration configuration, List<string> mistakes)
    {
        var section = configuration.GetSection(SectionName);
        SectionKeys.Check(section, mistakes, nameof(HttpPort), nameof(TcpPort));
        return new DemoOptions(ReadPort(section, nameof(HttpPort), 8080, mistakes), ReadPort(section, nameof(TcpPort), 9000, mistakes));
    }

    private static int ReadPort(IConfigurationSection section, string key, int defaultPort, List<string> mistakes)
    {
        var text = section[key];
        if (text is null)
        {
            return defaultPort;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= MaxPort)
        {
            return port;
        }

        mistakes.Add($"{SectionName}:{key} is '{text}'; accepted is a port from 1 to {MaxPort}.");
        return defaultPort;
    }
}
