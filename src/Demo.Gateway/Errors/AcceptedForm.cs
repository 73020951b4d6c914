using System.Text.RegularExpressions;

namespace Demo.Gateway.Errors;

/// <summary>The runtime says which text it could not read, but not what it would take; this adds it.</summary>
internal static partial class AcceptedForm
{
    /// <summary>The message in our form, or as it stands if it is none of the runtime's.</summary>
    public static string Describe(string key, string message)
    {
        var (match, accepted) =
            TimeSpanText().Match(message) is { Success: true } time ? (time, "is a duration such as 00:00:30")
            : NumberText().Match(message) is { Success: true } number ? (number, "is a whole number")
            : BooleanText().Match(message) is { Success: true } boolean ? (boolean, "is true or false")
            : LevelText().Match(message) is { Success: true } level ? (level, $"are {string.Join(", ", Enum.GetNames<LogLevel>())}")
            : (Match.Empty, "");
        return match.Success ? $"{key} is '{match.Groups["value"].Value}'; accepted {accepted}." : message;
    }

    [GeneratedRegex(@"^String '(?<value>[^']*)' was not recognized as a valid TimeSpan|^The TimeSpan string '(?<value>[^']*)' could not be parsed")]
    private static partial Regex TimeSpanText();

    [GeneratedRegex(@"^The input string '(?<value>[^']*)' was not in a correct format")]
    private static partial Regex NumberText();

    [GeneratedRegex(@"^String '(?<value>[^']*)' was not recognized as a valid Boolean")]
    private static partial Regex BooleanText();

    [GeneratedRegex(@"^Configuration value '(?<value>[^']*)' is not supported")]
    private static partial Regex LevelText();
}
