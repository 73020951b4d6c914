using System.Globalization;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Hosting;

/// <summary>The setting <c>ShutdownTimeout</c>: how long transfers in flight may go on after SIGTERM.</summary>
internal static class ShutdownTimeout
{
    private const string Key = "ShutdownTimeout";

    private static readonly TimeSpan s_default = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_max = TimeSpan.FromDays(1);

    public static TimeSpan Read(IConfiguration configuration)
    {
        var text = configuration[Key];
        if (text is null)
        {
            return s_default;
        }

        // A bare number would be read as days.
        return text.Contains(':', StringComparison.Ordinal)
            && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var timeout) && timeout >= TimeSpan.Zero && timeout <= s_max
            ? timeout
            : throw new ConfigurationMistakeException($"{Key} is '{text}'; accepted is a duration from 00:00:00 to 1.00:00:00, such as 00:00:30.");
    }
}
