namespace Bench.Driver;

/// <summary>The command line.</summary>
internal sealed record BenchOptions(IReadOnlyList<string> Rows, bool Quick, bool List, bool Help, int? Rounds, string? Output)
{
    public const string Usage = """
        usage: bench/run.sh [options] [ROW…]

          ROW…           the rows to run, in the order given; all of them if none is named
          cases          plays the black-box cases against every relay instead of measuring; only if named
          --quick        short loads, one or two rounds: shows that everything works, not how fast it is
          --rounds N     rounds for each case, instead of 5 (1 or 2 with --quick)
          --output DIR   where to write, instead of bench/results (artifacts/bench with --quick)
          --list         name the rows and end
          --help         show this text and end
        """;

    public static BenchOptions Parse(string[] arguments)
    {
        var options = new BenchOptions([], false, false, false, null, null);
        var rows = new List<string>();
        for (var i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--quick":
                    options = options with { Quick = true };
                    break;
                case "--list":
                    options = options with { List = true };
                    break;
                case "--help" or "-h":
                    options = options with { Help = true };
                    break;
                case "--rounds":
                    options = options with { Rounds = ParseRounds(Next(arguments, ref i)) };
                    break;
                case "--output":
                    options = options with { Output = Next(arguments, ref i) };
                    break;
                case var unknown when unknown.StartsWith('-'):
                    throw new UsageException($"Unknown option '{unknown}'. bench/run.sh --help lists the options.");
                default:
                    rows.Add(arguments[i]);
                    break;
            }
        }

        return options with { Rows = rows };
    }

    private static int ParseRounds(string text) => int.TryParse(text, out var rounds) && rounds is >= 1 and <= 100
        ? rounds
        : throw new UsageException($"--rounds needs a number from 1 to 100, not '{text}'.");

    private static string Next(string[] arguments, ref int index) => index + 1 < arguments.Length
        ? arguments[++index]
        : throw new UsageException($"{arguments[index]} needs a value.");
}
