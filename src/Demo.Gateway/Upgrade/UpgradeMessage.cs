using System.Text.Json;
using System.Text.Json.Serialization;

namespace Demo.Gateway.Upgrade;

/// <summary>
/// One message of the upgrade protocol: JSON, one object in one SOCK_SEQPACKET message (unix(7)). The new instance says hello; the running one answers with
/// each of its listeners and end, or with refused; the new one says ready; the running one says released, and keeps the connection open until it ends.
/// </summary>
internal sealed record UpgradeMessage
{
    /// <summary>The version of the protocol that this program speaks.</summary>
    public const int CurrentProtocol = 1;

    public const string Hello = "hello";

    /// <summary>Some of the sockets of a listener, with the message as descriptors. Those of one address follow one another, in the order of their group.</summary>
    public const string Listener = "listener";

    /// <summary>There are no more listeners.</summary>
    public const string End = "end";
    public const string Refused = "refused";

    /// <summary>The new instance serves.</summary>
    public const string Ready = "ready";

    /// <summary>The running instance accepts nothing more.</summary>
    public const string Released = "released";

    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public required string Kind { get; init; }

    /// <summary>In hello and end: the version that the sender speaks.</summary>
    public int? Protocol { get; init; }

    /// <summary>In a listener's: where it listens.</summary>
    public string? Address { get; init; }

    /// <summary>In end and ready: where the sender has, or is to have, its admin endpoint; nothing if it has none.</summary>
    public string? Admin { get; init; }

    /// <summary>In ready: the addresses that the new instance accepts on.</summary>
    public IReadOnlyList<string>? Taken { get; init; }

    /// <summary>In refused: why.</summary>
    public string? Reason { get; init; }

    public static UpgradeMessage? Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<UpgradeMessage>(bytes, s_options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, s_options);
}
