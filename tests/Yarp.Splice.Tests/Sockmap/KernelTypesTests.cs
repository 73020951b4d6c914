using Yarp.Splice.Bpf;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>Offsets from type information: of a small file made here, and of the running kernel.</summary>
public class KernelTypesTests
{
    private const uint Structure = 4u << 24;
    private const uint Union = 5u << 24;
    private const uint BitFields = 1u << 31;

    [Fact]
    public void OffsetOf_DirectAndUnnamedInner_AreAdded()
    {
        using var file = new TypeFile();
        file.Type("int", 1u << 24, 4, 32);
        file.Type("", Union | 2, 8, [.. file.Member("a", 1, 0), .. file.Member("b", 1, 32)]);
        file.Type("outer", Structure | 3, 24, [.. file.Member("first", 1, 0), .. file.Member("", 2, 64), .. file.Member("last", 1, 128)]);
        var types = new KernelTypes(file.Write());
        Assert.Equal(0, types.OffsetOf("outer", "first"));
        Assert.Equal(16, types.OffsetOf("outer", "last"));
        Assert.Equal(12, types.OffsetOf("outer", "b"));
    }

    [Fact]
    public void OffsetOf_WithBitFields_TakesTheLowerBits()
    {
        using var file = new TypeFile();
        file.Type("int", 1u << 24, 4, 32);
        file.Type("outer", BitFields | Structure | 2, 8, [.. file.Member("flag", 1, (1u << 24) | 3), .. file.Member("plain", 1, 32)]);
        var types = new KernelTypes(file.Write());
        Assert.Equal(4, types.OffsetOf("outer", "plain"));
        Assert.Contains("outer.flag", Assert.Throws<BpfException>(() => types.OffsetOf("outer", "flag")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OffsetOf_UnknownMember_NamesIt()
    {
        using var file = new TypeFile();
        file.Type("outer", Structure, 0);
        var types = new KernelTypes(file.Write());
        Assert.Contains("outer.absent", Assert.Throws<BpfException>(() => types.OffsetOf("outer", "absent")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_NoFile_NamesIt() =>
        Assert.Contains("/nowhere", Assert.Throws<BpfException>(() => new KernelTypes("/nowhere")).Message, StringComparison.Ordinal);

    [RequiresBpfFact]
    public void OffsetOf_RunningKernel_FindsTcpState()
    {
        var types = new KernelTypes();
        // Both lie behind the embedded inet_connection_sock, and apart.
        Assert.InRange(types.OffsetOf("tcp_sock", "snd_una"), 500, 8000);
        Assert.NotEqual(types.OffsetOf("tcp_sock", "snd_una"), types.OffsetOf("tcp_sock", "write_seq"));
    }

    /// <summary>Writes type information.</summary>
    private sealed class TypeFile : IDisposable
    {
        private readonly List<uint> _types = [];
        private readonly List<byte> _strings = [0];
        private readonly string _path = Path.GetTempFileName();

        public void Type(string name, uint info, uint size, params uint[] extra) => _types.AddRange([String(name), info, size, .. extra]);

        public uint[] Member(string name, uint type, uint offset) => [String(name), type, offset];

        public string Write()
        {
            using var writer = new BinaryWriter(File.Create(_path));
            writer.Write((ushort)0xeb9f);
            writer.Write((ushort)1);
            foreach (var value in new[] { 24, 0, _types.Count * 4, _types.Count * 4, _strings.Count })
            {
                writer.Write(value);
            }

            _types.ForEach(writer.Write);
            writer.Write([.. _strings]);
            return _path;
        }

        public void Dispose() => File.Delete(_path);

        private uint String(string text)
        {
            if (text.Length == 0)
            {
                return 0;
            }

            var at = (uint)_strings.Count;
            _strings.AddRange([.. text.Select(static character => (byte)character), 0]);
            return at;
        }
    }
}
