using System.Text.RegularExpressions;

namespace Demo.Gateway.Check;

/// <summary>Finds the known name that a slip of the pen was meant to be.</summary>
internal static partial class ClosestName
{
    /// <summary>The name with the fewest letters that differ, if these are few.</summary>
    public static string? Find(string name, IEnumerable<string> known)
    {
        var (closest, distance) = (default(string), Math.Max(2, name.Length / 3) + 1);
        foreach (var candidate in known)
        {
            var letters = Distance(name.ToUpperInvariant(), candidate.ToUpperInvariant());
            if (letters < distance)
            {
                (closest, distance) = (candidate, letters);
            }
        }

        return closest;
    }

    /// <summary>What to add to a message that says that a key is not known and lists those that are; empty if it is none, or nothing is close.</summary>
    public static string SuggestIn(string message)
    {
        var match = UnknownKey().Match(message);
        return match.Success && Find(match.Groups["key"].Value, match.Groups["known"].Value.Split(", ")) is { } closest ? $" Did you mean {closest}?" : "";
    }

    /// <summary>Levenshtein's: letters to insert, delete or replace.</summary>
    private static int Distance(string left, string right)
    {
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var substituted = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }

    [GeneratedRegex(@"(((?<key>[\w.]+): unknown key)|(unknown key '(?<key>[^']+)')|((:|\s)(?<key>[\w.]+) is not a known key)); accepted are (?<known>.+)\.$")]
    private static partial Regex UnknownKey();
}
