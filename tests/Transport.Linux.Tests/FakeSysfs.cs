namespace Transport.Linux.Tests;

/// <summary>A directory that looks like the part of /sys that the transport reads.</summary>
internal sealed class FakeSysfs : IDisposable
{
    private readonly TemporaryFolder _folder = new("sysfs");

    public string Root => _folder.FullName;

    public FakeSysfs WithSiblings(params string[] siblingsOfEachCpu)
    {
        for (var cpu = 0; cpu < siblingsOfEachCpu.Length; cpu++)
        {
            Write($"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", siblingsOfEachCpu[cpu]);
        }

        return this;
    }

    public FakeSysfs WithNode(int node, string cpus)
    {
        Write($"devices/system/node/node{node}/cpulist", cpus);
        return this;
    }

    public FakeSysfs WithHugePages(string enabled, string size)
    {
        Write("kernel/mm/transparent_hugepage/enabled", enabled);
        Write("kernel/mm/transparent_hugepage/hpage_pmd_size", size);
        return this;
    }

    public void Dispose() => _folder.Dispose();

    private void Write(string path, string line)
    {
        var file = Path.Combine(Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, line + "\n");
    }
}
