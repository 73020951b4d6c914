using System.Text.Json;
using System.Text.Json.Serialization;

namespace Demo.Gateway.Admin;

/// <summary>What a request gets.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="ContentType">The type of the body.</param>
/// <param name="Body">The body.</param>
internal sealed record AdminAnswer(int Status, string ContentType, byte[] Body)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>The methods that the path has, for <c>Allow</c>.</summary>
    public string? Allow { get; init; }

    /// <summary>What a browser may do with the body: nothing, unless it is the page.</summary>
    public string ContentSecurityPolicy { get; init; } = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>Seconds after which to try again.</summary>
    public int? RetryAfter { get; init; }

    public static AdminAnswer Json(object value, int status = StatusCodes.Status200OK) =>
        new(status, "application/json", JsonSerializer.SerializeToUtf8Bytes(value, s_json));

    /// <summary>The reason goes to whoever asked.</summary>
    public static AdminAnswer Error(int status, string reason) => Json(new { error = reason }, status);
}
