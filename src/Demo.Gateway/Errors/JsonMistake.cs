using System.Globalization;
using System.Text.Json;

namespace Demo.Gateway.Errors;

/// <summary>Says where a JSON file is broken, counted from 1 as editors do.</summary>
internal static class JsonMistake
{
    public static string Describe(string file, Exception exception)
    {
        for (var current = exception; current is not null; current = current.InnerException)
        {
            if (current is JsonException { LineNumber: { } line } json)
            {
                return string.Create(CultureInfo.InvariantCulture,
                    $"{file}: line {line + 1}, position {(json.BytePositionInLine ?? 0) + 1}: {Reason(json.Message)}; accepted is a JSON object.");
            }
        }

        return $"{file}: {SingleLine.Of(exception.GetBaseException().Message).TrimEnd('.')}; accepted is a JSON object.";
    }

    // The parser repeats its own zero-based position at the end, which would contradict ours.
    private static string Reason(string message)
    {
        var position = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var reason = SingleLine.Of(position < 0 ? message : message[..position]).TrimEnd('.');
        var path = reason.LastIndexOf(" Path:", StringComparison.Ordinal);
        return (path < 0 ? reason : reason[..path]).TrimEnd('.', '|', ' ');
    }
}
