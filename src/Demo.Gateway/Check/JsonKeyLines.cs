using System.Globalization;
using System.Text.Json;

namespace Demo.Gateway.Check;

/// <summary>On which line each key of a JSON configuration file stands, by its path.</summary>
internal static class JsonKeyLines
{
    // As the configuration system reads files.
    private static readonly JsonReaderOptions s_options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <param name="text">A text that the configuration system could read.</param>
    public static Dictionary<string, int> Read(ReadOnlySpan<byte> text)
    {
        if (text.StartsWith("\uFEFF"u8))
        {
            text = text[3..];
        }

        var lines = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        // For each container that is open: its path, and how many entries of an array have been seen (-1 for an object).
        var open = new Stack<(string Path, int Entries)>();
        var (line, counted, name) = (1, 0, "");
        var reader = new Utf8JsonReader(text, s_options);
        while (reader.Read())
        {
            line += text[counted..(int)reader.TokenStartIndex].Count((byte)'\n');
            counted = (int)reader.TokenStartIndex;
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    name = Join(open.Peek().Path, reader.GetString()!);
                    lines.TryAdd(name, line);
                    continue;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    open.Pop();
                    continue;
            }

            var path = name;
            if (open.TryPop(out var container))
            {
                if (container.Entries >= 0)
                {
                    path = Join(container.Path, container.Entries.ToString(CultureInfo.InvariantCulture));
                    lines.TryAdd(path, line);
                    container.Entries++;
                }

                open.Push(container);
            }

            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                open.Push((path, reader.TokenType == JsonTokenType.StartArray ? 0 : -1));
            }
        }

        return lines;
    }

    private static string Join(string parent, string key) => parent.Length == 0 ? key : $"{parent}:{key}";
}
