using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Health;

/// <summary>What a cluster's metadata says about the health of destinations of TCP routes.</summary>
internal sealed record ClusterHealthSettings
{
    /// <summary>The longest answer that is looked through for what is expected.</summary>
    public const int MaxAnswer = 4096;

    private const string SendKey = SpliceMetadata.Prefix + "HealthSend";
    private const string ExpectKey = SpliceMetadata.Prefix + "HealthExpect";
    private const string OnUnhealthyKey = SpliceMetadata.Prefix + nameof(OnUnhealthy);

    public static IReadOnlyList<string> Keys { get; } = [SendKey, ExpectKey, OnUnhealthyKey];

    /// <summary>What a probe sends once it is connected.</summary>
    public byte[] Send { get; private init; } = [];

    /// <summary>What must be somewhere in the answer.</summary>
    public byte[] Expect { get; private init; } = [];

    public SessionFate OnUnhealthy { get; private init; }

    public static ClusterHealthSettings Read(ClusterConfig cluster, List<string> mistakes)
    {
        var settings = new ClusterHealthSettings();
        foreach (var (key, value) in cluster.Metadata ?? new Dictionary<string, string>())
        {
            if (Is(key, SendKey))
            {
                settings = settings with { Send = ReadBytes(key, value) };
            }
            else if (Is(key, ExpectKey))
            {
                settings = settings with { Expect = ReadBytes(key, value) };
            }
            else if (Is(key, OnUnhealthyKey))
            {
                settings = settings with { OnUnhealthy = ReadOnUnhealthy(key, value) };
            }
            else if (key.StartsWith(SpliceMetadata.Prefix, StringComparison.OrdinalIgnoreCase))
            {
                mistakes.Add($"Cluster '{cluster.ClusterId}': Metadata:{key} is not a known key; accepted are {string.Join(", ", Keys)}.");
            }
        }

        return settings;

        static bool Is(string key, string known) => key.Equals(known, StringComparison.OrdinalIgnoreCase);

        byte[] ReadBytes(string key, string value)
        {
            if (EscapedBytes.TryParse(value, out var bytes) && bytes.Length <= MaxAnswer)
            {
                return bytes;
            }

            mistakes.Add($"Cluster '{cluster.ClusterId}': Metadata:{key} is '{value}'; " +
                $@"accepted are 1 to {MaxAnswer} bytes, as text with the escapes \r, \n, \t, \\ and \xHH.");
            return [];
        }

        SessionFate ReadOnUnhealthy(string key, string value)
        {
            foreach (var known in Enum.GetValues<SessionFate>())
            {
                if (value.Equals(known.ToString(), StringComparison.OrdinalIgnoreCase))
                {
                    return known;
                }
            }

            mistakes.Add($"Cluster '{cluster.ClusterId}': Metadata:{key} is '{value}'; accepted are {string.Join(", ", Enum.GetNames<SessionFate>())}.");
            return SessionFate.Keep;
        }
    }
}
