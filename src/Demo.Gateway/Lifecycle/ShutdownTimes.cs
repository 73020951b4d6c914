using System.Globalization;

namespace Demo.Gateway.Lifecycle;

/// <summary>How a stop goes on after SIGTERM: the settings <c>ShutdownDelay</c> and <c>ShutdownTimeout</c>.</summary>
/// <param name="Delay">How long the gateway serves as before while it says that it is not ready.</param>
/// <param name="Timeout">How long, after that, transfers in flight may go on.</param>
internal sealed record ShutdownTimes(TimeSpan Delay, TimeSpan Timeout)
{
    private static readonly TimeSpan s_max = TimeSpan.FromDays(1);

    public static ShutdownTimes Read(IConfiguration configuration, List<string> mistakes) => new(
        Read(configuration, "ShutdownDelay", TimeSpan.Zero, mistakes),
        Read(configuration, "ShutdownTimeout", TimeSpan.FromSeconds(30), mistakes));

    /// <returns><paramref name="byDefault"/> if there is none, or a mistake.</returns>
    public static TimeSpan Read(IConfiguration configuration, string key, TimeSpan byDefault, List<string> mistakes)
    {
        var text = configuration[key];
        if (text is null)
        {
            return byDefault;
        }

        // A bare number would be read as days.
        if (text.Contains(':', StringComparison.Ordinal)
            && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) && time >= TimeSpan.Zero && time <= s_max)
        {
            return time;
        }

        mistakes.Add($"{key} is '{text}'; accepted is a duration from 00:00:00 to 1.00:00:00, such as 00:00:30.");
        return byDefault;
    }
}
