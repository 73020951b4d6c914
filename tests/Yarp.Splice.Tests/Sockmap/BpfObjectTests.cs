using System.Reflection;
using System.Runtime.InteropServices;
using Yarp.Splice.Bpf;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>The embedded object, and reading it.</summary>
public class BpfObjectTests
{
    private const string Resource = "verdict.bpf.o";

    [RequiresProgramFact("clang-19")]
    public async Task Object_BuiltAgainFromItsSource_IsTheEmbeddedOne()
    {
        using var folder = new TemporaryFolder("bpf");
        var rebuilt = folder[Resource];
        var (exitCode, output, error) = await RunningProgram.RunAsync("bash", Path.Combine(RepositoryRoot(), "bpf", "build.sh"), rebuilt);
        Assert.True(exitCode == 0, output + error);
        using var stream = typeof(BpfObject).Assembly.GetManifestResourceStream(Resource)!;
        var embedded = new byte[stream.Length];
        stream.ReadExactly(embedded);
        var built = await File.ReadAllBytesAsync(rebuilt);
        Assert.True(embedded.AsSpan().SequenceEqual(built), "bpf/build.sh has not been run since the last change");
    }

    [Fact]
    public void Maps_AreThoseOfTheSource()
    {
        var file = BpfObject.FromResource(Resource);
        Assert.Equal(["armed", "directions", "events", "overruns", "peers", "rings", "slots"], file.Maps.Keys.Order());
        Assert.Equal(Marshal.SizeOf<SockmapSlot>(), (int)file.Maps["directions"].ValueSize);
        Assert.Equal("Dual MIT/GPL", file.License);
    }

    [Fact]
    public void Link_FillsInMapsAndOffsets()
    {
        var file = BpfObject.FromResource(Resource);
        var maps = file.Maps.Keys.Order().Select(static (name, index) => (name, index)).ToDictionary(static map => map.name, static map => 1000 + map.index);
        var plain = Loads(file.Link("verdict/credit", maps, new Dictionary<string, int>()));
        Assert.All(plain, load => Assert.Contains(load.Value, maps.Values));
        Assert.All(plain, static load => Assert.Equal(1, load.Source));

        var offsets = new Dictionary<string, int> { ["tcp_sock_snd_una"] = 77, ["tcp_sock_write_seq"] = 78 };
        var exact = Loads(file.Link("verdict/exact", maps, offsets));
        Assert.Equal([77, 78], exact.Where(static load => load.Source == 0).Select(static load => load.Value).Order());
        Assert.Throws<KeyNotFoundException>(() => file.Link("verdict/exact", maps, new Dictionary<string, int>()));
    }

    /// <summary>The 64-bit loads of a program: whether they load a map, and what.</summary>
    private static List<(int Source, int Value)> Loads(byte[] code)
    {
        var loads = new List<(int, int)>();
        for (var at = 0; at < code.Length; at += 8)
        {
            if (code[at] == 0x18)
            {
                loads.Add((code[at + 1] >> 4, BitConverter.ToInt32(code, at + 4)));
                at += 8;
            }
        }

        return loads;
    }

    // Not the compiler's path of this file, which a build for CI replaces.
    private static string RepositoryRoot() => typeof(BpfObjectTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(static attribute => attribute.Key == "RepositoryRoot").Value!;
}
