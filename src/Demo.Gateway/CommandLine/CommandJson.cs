using System.Text.Encodings.Web;
using System.Text.Json;

namespace Demo.Gateway.CommandLine;

/// <summary>How commands print JSON.</summary>
internal static class CommandJson
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        WriteIndented = true,
        // It is read by people and programs, never put into HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Write(object report) => JsonSerializer.Serialize(report, s_options);
}
