using System.Globalization;
using System.Runtime.InteropServices;

namespace Faults.Tests;

/// <summary>What the process holds in the kernel, by kind: sockets, pipes, epoll instances, eBPF maps and programs, and entries of the maps.</summary>
internal static unsafe partial class OpenDescriptors
{
    private const string Folder = "/proc/self/fd";
    private const int BPF_MAP_GET_NEXT_KEY = 4;
    private const int AttributeSize = 120;

    // BPF_MAP_TYPE_HASH and BPF_MAP_TYPE_SOCKHASH; those of Sockmap mode have keys of eight bytes.
    private static readonly string[] s_keyedTypes = ["1", "18"];

    private static readonly nint s_bpf = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 321 : 280;

    /// <summary>How many there are of each kind. Other files, and pipes, of which the product keeps some, are left out.</summary>
    public static SortedDictionary<string, int> Count()
    {
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var link in Directory.GetFiles(Folder))
        {
            var kind = ReadLink(link)?.Split(':')[0];
            if (kind is "socket")
            {
                Add(kind, 1);
            }
            else if (kind is "anon_inode")
            {
                kind = ReadLink(link) ?? kind;
                Add(kind, 1);
                if (kind.Contains("bpf-map", StringComparison.Ordinal))
                {
                    Add("entries of maps", CountEntries(int.Parse(Path.GetFileName(link), CultureInfo.InvariantCulture)));
                }
            }
        }

        return counts;

        void Add(string kind, int count) => counts[kind] = counts.GetValueOrDefault(kind) + count;
    }

    public static int CountPipes() => Directory.GetFiles(Folder).Count(static link => ReadLink(link)?.StartsWith("pipe:", StringComparison.Ordinal) == true);

    /// <summary>Waits until no kind has more than it had before.</summary>
    public static Task AssertNoMoreThanAsync(SortedDictionary<string, int> before) => Deadline.UntilAsync(
        () => Task.FromResult(Count().All(kind => kind.Value <= before.GetValueOrDefault(kind.Key))),
        () => $"left behind: {string.Join(", ", Count().Select(kind => $"{kind.Key} {before.GetValueOrDefault(kind.Key)} → {kind.Value}"))}");

    private static string? ReadLink(string link) => new FileInfo(link).LinkTarget;

    private static int CountEntries(int map)
    {
        var facts = File.ReadLines($"/proc/self/fdinfo/{map}").Select(static line => line.Split('\t')).Where(static fact => fact.Length == 2)
            .ToDictionary(static fact => fact[0], static fact => fact[1]);
        if (!s_keyedTypes.Contains(facts["map_type:"]) || facts["key_size:"] != "8")
        {
            return 0;
        }

        ulong key = 0;
        var attribute = stackalloc ulong[AttributeSize / sizeof(ulong)];
        new Span<ulong>(attribute, AttributeSize / sizeof(ulong)).Clear();
        attribute[0] = (uint)map;
        attribute[2] = (ulong)&key;
        var count = 0;
        while (syscall(s_bpf, BPF_MAP_GET_NEXT_KEY, attribute, AttributeSize) == 0)
        {
            attribute[1] = (ulong)&key;
            count++;
        }

        return count;
    }

    [LibraryImport("libc")]
    private static partial nint syscall(nint number, nint command, void* attribute, nint size);
}
