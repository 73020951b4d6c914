using System.Globalization;

namespace Fuzz;

/// <summary>What was typed.</summary>
internal sealed record FuzzOptions
{
    public const string Usage = """
        Feeds made-up and damaged input to what reads strangers' bytes, and checks each answer: no exception, bounded time and
        memory, the same in one piece and in many, the same as a second reader says, and the same as it was built from. First the
        inputs under tests/Fuzz/Corpus, which have failed once or were recorded, as they are and changed. Ends with 1 on a failure,
        and keeps its input.

        --cases N      of each target, from 1 to 10000000000; 300000 if not given. Slow targets (configuration, reload, admin, upgrade) get
                       a part of it
        --seed N       what inputs are drawn from; 1 if not given
        --target NAME  only this one; --help lists them
        --first N      the number of the first case; 0 if not given. A failure prints its own
        --threads N    from 1 to 64; one for each processor if not given
        """;

    public long Cases { get; private init; } = 300_000;

    public ulong Seed { get; private init; } = 1;

    public string? Target { get; private init; }

    public long First { get; private init; }

    public int Threads { get; private init; } = Environment.ProcessorCount;

    public bool Help { get; private init; }

    public static FuzzOptions Parse(string[] arguments)
    {
        var options = new FuzzOptions();
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] is "--help" or "-h")
            {
                return options with { Help = true };
            }

            var value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            options = arguments[i++] switch
            {
                "--cases" => options with { Cases = ParseNumber("--cases", value, 1, 10_000_000_000) },
                "--seed" => options with { Seed = (ulong)ParseNumber("--seed", value, 0, long.MaxValue) },
                "--target" => options with { Target = value },
                "--first" => options with { First = ParseNumber("--first", value, 0, long.MaxValue / 2) },
                "--threads" => options with { Threads = (int)ParseNumber("--threads", value, 1, 64) },
                var unknown => throw new UsageException(
                    $"There is no option '{unknown}'. The options are --cases, --seed, --target, --first, --threads and --help."),
            };
        }

        return options;
    }

    private static long ParseNumber(string name, string text, long least, long most) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new UsageException($"'{text}' is not accepted for {name}: a whole number from {least} to {most} is.");
}
