using System.Collections.ObjectModel;

namespace Testing.Leaks;

/// <summary>The descriptors that a process has open, by kind, as /proc/PID/fd names them; and the entries of its eBPF maps, as a kind of their own.</summary>
public sealed class OpenDescriptors : ReadOnlyDictionary<string, IReadOnlyList<string>>
{
    /// <summary>The kind of loaded assemblies.</summary>
    public const string Assembly = "assembly";

    private const string Socket = "socket";
    private const string BpfMap = "bpf-map";
    private const int MostDescribed = 32;

    private readonly int _processId;

    private OpenDescriptors(int processId, IDictionary<string, IReadOnlyList<string>> descriptors)
        : base(descriptors) => _processId = processId;

    public static OpenDescriptors Of(int processId)
    {
        // Those without a target are gone meanwhile.
        var open = new DirectoryInfo($"/proc/{processId}/fd").EnumerateFiles()
            .Select(static descriptor => (Number: descriptor.Name, Target: descriptor.LinkTarget)).Where(static descriptor => descriptor.Target is not null)
            .ToLookup(static descriptor => KindOf(descriptor.Target!));
        var kinds = open.ToDictionary(static kind => kind.Key, static IReadOnlyList<string> (kind) => [.. kind.Select(static descriptor => descriptor.Target!)]);
        var maps = open[BpfMap].Select(map => (map.Number, Entries: BpfMapEntries.Count(processId, map.Number)));
        kinds["entry of a bpf-map"] = [.. maps.SelectMany(static map => Enumerable.Repeat($"an entry of map {map.Number}", map.Entries))];
        return new OpenDescriptors(processId, new SortedDictionary<string, IReadOnlyList<string>>(kinds, StringComparer.Ordinal));
    }

    public int CountOf(string kind) => TryGetValue(kind, out var descriptors) ? descriptors.Count : 0;

    /// <summary>The kinds of which there are more than before, and than may be more by now; with what there is to know of them.</summary>
    /// <param name="before">What was open before.</param>
    /// <param name="tolerance">How many more there may be of a kind; of one that is not named none.</param>
    public IReadOnlyList<string> FindMoreThan(OpenDescriptors before, IReadOnlyDictionary<string, int> tolerance) =>
    [
        .. Keys.Where(kind => CountOf(kind) - tolerance.GetValueOrDefault(kind) > before.CountOf(kind))
            .Select(kind => $"{CountOf(kind)} of kind {kind}, {before.CountOf(kind)} before:\n{Describe(kind)}"),
    ];

    /// <summary>Waits until the process has no more open than these.</summary>
    /// <param name="tolerance">How many more there may be of a kind; of one that is not named none.</param>
    /// <returns>What it has open now.</returns>
    /// <exception cref="TimeoutException">It has more; names the kinds of which there is more.</exception>
    public async Task<OpenDescriptors> WaitForNoMoreAsync(IReadOnlyDictionary<string, int> tolerance)
    {
        var now = this;
        IReadOnlyList<string> more = [];
        await Deadline.UntilAsync(
            () =>
            {
                // Of this process, descriptors whose owner was forgotten are the finalizer's: .NET's own sockets and outgoing connections, that is. Others stay.
                Garbage.Collect();
                now = Of(_processId);
                more = now.FindMoreThan(this, tolerance);
                return Task.FromResult(more.Count == 0);
            },
            () => $"left open: {string.Join('\n', more)}");
        return now;
    }

    public override string ToString() => string.Join(", ", this.Select(static kind => $"{kind.Value.Count} {kind.Key}"));

    // socket:[1234], pipe:[1234], anon_inode:[eventpoll], anon_inode:bpf-map, /path. The runtime keeps every assembly open that it has loaded.
    private static string KindOf(string target) =>
        target.StartsWith('/') ? (target.EndsWith(".dll", StringComparison.Ordinal) ? Assembly : "file")
        : target.StartsWith("anon_inode:", StringComparison.Ordinal) ? target["anon_inode:".Length..].Trim('[', ']')
        : target.Split(':')[0];

    /// <summary>The first of a kind; of sockets what the kernel's tables say.</summary>
    private string Describe(string kind) =>
        string.Join('\n', this[kind].Take(MostDescribed).Select(target => kind == Socket ? DescribeSocket(target) : target));

    private string DescribeSocket(string target)
    {
        var number = target[(Socket.Length + 2)..^1];
        var lines = from table in new[] { "tcp", "tcp6", "udp", "unix" }
                    let file = $"/proc/{_processId}/net/{table}"
                    where File.Exists(file)
                    from line in File.ReadLines(file)
                    let words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    where words.Contains(number)
                    select $"{target}, {table}: {string.Join(' ', words)}";
        return lines.FirstOrDefault() ?? $"{target}, in no table";
    }
}
