using System.Globalization;

namespace Soak;

/// <summary>What was typed.</summary>
internal sealed record SoakOptions
{
    public const string Usage = """
        Runs the gateway under mixed load: HTTP, bulk, ping-pong, churn, half-closes and resets on a route of each mode, while its configuration
        is reloaded and its upstreams are killed. Every byte is checked. Ends with 1 on a wrong byte, an unexpected error, or a leak.

        --minutes N   how long, from 1 to 10080; 60 if not given
        --rate N      exchanges begun in a second, from 1 to 1000; 20 if not given
        --seed N      what sizes and orders are drawn from; 1 if not given
        """;

    public TimeSpan Duration { get; private init; } = TimeSpan.FromHours(1);

    /// <summary>Exchanges begun in a second.</summary>
    public int Rate { get; private init; } = 20;

    public int Seed { get; private init; } = 1;

    public bool Help { get; private init; }

    public static SoakOptions Parse(string[] arguments)
    {
        var options = new SoakOptions();
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] is "--help" or "-h")
            {
                return options with { Help = true };
            }

            var value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            options = arguments[i++] switch
            {
                "--minutes" => options with { Duration = TimeSpan.FromMinutes(ParseNumber("--minutes", value, 1, 10_080)) },
                "--rate" => options with { Rate = ParseNumber("--rate", value, 1, 1000) },
                "--seed" => options with { Seed = ParseNumber("--seed", value, 0, int.MaxValue) },
                var unknown => throw new UsageException($"There is no option '{unknown}'. The options are --minutes, --rate, --seed and --help."),
            };
        }

        return options;
    }

    public static int ParsePort(string text) => ParseNumber("a port", text, 1, ushort.MaxValue);

    private static int ParseNumber(string name, string text, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new UsageException($"'{text}' is not accepted for {name}: a whole number from {least} to {most} is.");
}
