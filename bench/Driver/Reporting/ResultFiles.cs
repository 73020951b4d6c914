using System.Text.Encodings.Web;
using System.Text.Json;
using Bench.Driver.Results;

namespace Bench.Driver.Reporting;

/// <summary>One JSON file for each row.</summary>
internal static class ResultFiles
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void Write(string folder, RowResult row)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, row.Name + ".json"), JsonSerializer.Serialize(row, s_options) + "\n");
    }

    /// <summary>The rows that have a file, in the given order.</summary>
    public static List<RowResult> Read(string folder, IEnumerable<string> names) =>
    [
        .. names.Select(name => Path.Combine(folder, name + ".json")).Where(File.Exists)
            .Select(static path => JsonSerializer.Deserialize<RowResult>(File.ReadAllText(path), s_options)!),
    ];
}
