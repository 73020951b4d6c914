using Microsoft.Extensions.Configuration.Json;

namespace Demo.Gateway.Configuration;

/// <summary>The keys of one JSON text, by the parser that appsettings.json goes through.</summary>
internal sealed class JsonText : JsonStreamConfigurationProvider
{
    private JsonText(Stream stream)
        : base(new JsonStreamConfigurationSource { Stream = stream })
    {
    }

    public static IDictionary<string, string?> Parse(byte[] text)
    {
        using var stream = new MemoryStream(text);
        var parsed = new JsonText(stream);
        parsed.Load();
        return parsed.Data;
    }
}
