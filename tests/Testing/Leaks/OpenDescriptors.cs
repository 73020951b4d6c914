using System.Collections.ObjectModel;

namespace Testing.Leaks;

/// <summary>The descriptors that a process has open, by kind, as /proc/PID/fd names them.</summary>
public sealed class OpenDescriptors : ReadOnlyDictionary<string, IReadOnlyList<string>>
{
    /// <summary>The kind of loaded assemblies.</summary>
    public const string Assembly = "assembly";

    private const string Socket = "socket";

    private OpenDescriptors(IDictionary<string, IReadOnlyList<string>> descriptors)
        : base(descriptors)
    {
    }

    public static OpenDescriptors Of(int processId)
    {
        // Those without a target are gone meanwhile.
        var targets = new DirectoryInfo($"/proc/{processId}/fd").EnumerateFiles().Select(static descriptor => descriptor.LinkTarget).OfType<string>();
        return new OpenDescriptors(targets.GroupBy(KindOf).OrderBy(static kind => kind.Key, StringComparer.Ordinal)
            .ToDictionary(static kind => kind.Key, static IReadOnlyList<string> (kind) => [.. kind]));
    }

    public int CountOf(string kind) => TryGetValue(kind, out var descriptors) ? descriptors.Count : 0;

    /// <summary>What there is to know of the descriptors of a kind: of sockets what the kernel's tables say.</summary>
    public string Describe(string kind) => string.Join('\n', this[kind].Select(target => kind == Socket ? DescribeSocket(target) : target));

    public override string ToString() => string.Join(", ", this.Select(static kind => $"{kind.Value.Count} {kind.Key}"));

    // socket:[1234], pipe:[1234], anon_inode:[eventpoll], anon_inode:bpf-map, /path. The runtime keeps every assembly open that it has loaded.
    private static string KindOf(string target) =>
        target.StartsWith('/') ? (target.EndsWith(".dll", StringComparison.Ordinal) ? Assembly : "file")
        : target.StartsWith("anon_inode:", StringComparison.Ordinal) ? target["anon_inode:".Length..].Trim('[', ']')
        : target.Split(':')[0];

    private static string DescribeSocket(string target)
    {
        var number = target[(Socket.Length + 2)..^1];
        var lines = from table in new[] { "tcp", "tcp6", "udp", "unix" }
                    let file = $"/proc/self/net/{table}"
                    where File.Exists(file)
                    from line in File.ReadLines(file)
                    let words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    where words.Contains(number)
                    select $"{target}, {table}: {string.Join(' ', words)}";
        return lines.FirstOrDefault() ?? $"{target}, in no table";
    }
}
