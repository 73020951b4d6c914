namespace Demo.Gateway.Errors;

/// <summary>Makes any text fit on one line of a terminal or a log.</summary>
internal static class SingleLine
{
    public static string Of(string text) =>
        string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
