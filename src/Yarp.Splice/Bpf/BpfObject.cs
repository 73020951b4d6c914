using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Yarp.Splice.Bpf;

/// <summary>
/// What the loader needs of a relocatable ELF file for BPF: the map definitions, the instructions of each program, and the places that refer to
/// maps or to values that only the running kernel knows (elf(5); little-endian, 64 bits).
/// </summary>
internal sealed class BpfObject
{
    private const int HeaderSize = 64;
    private const int SectionHeaderSize = 64;
    private const int SymbolSize = 24;
    private const int RelocationSize = 16;
    private const string MapSection = "maps";

    private readonly byte[] _file;
    private readonly List<Section> _sections = [];
    private readonly List<Symbol> _symbols = [];

    private BpfObject(byte[] file)
    {
        _file = file;
        ReadSections();
        ReadSymbols();
        var license = Data(_sections.Single(static section => section.Name == "license"));
        License = Encoding.ASCII.GetString(license[..license.IndexOf((byte)0)]);
        var maps = _sections.FindIndex(static section => section.Name == MapSection);
        foreach (var symbol in _symbols.Where(symbol => symbol.Section == maps))
        {
            Maps[symbol.Name] = MemoryMarshal.Read<BpfMapDefinition>(Data(_sections[maps])[(int)symbol.Value..]);
        }
    }

    public string License { get; }

    /// <summary>The maps, by name.</summary>
    public Dictionary<string, BpfMapDefinition> Maps { get; } = [];

    /// <summary>Reads an embedded object.</summary>
    public static BpfObject FromResource(string name)
    {
        using var stream = typeof(BpfObject).Assembly.GetManifestResourceStream(name)!;
        var file = new byte[stream.Length];
        stream.ReadExactly(file);
        return new BpfObject(file);
    }

    /// <summary>
    /// A program's instructions with its references filled in: a map's descriptor where the program names a map, a plain value where it names
    /// anything else.
    /// </summary>
    /// <param name="name">The name of the program's section.</param>
    /// <param name="maps">The descriptors of the maps.</param>
    /// <param name="values">The values of the other symbols.</param>
    public byte[] Link(string name, IReadOnlyDictionary<string, int> maps, IReadOnlyDictionary<string, int> values)
    {
        const byte LoadImmediate64 = 0x18;
        const byte MapDescriptor = 1 << 4;

        var index = _sections.FindIndex(section => section.Name == name);
        var code = Data(_sections[index]).ToArray();
        foreach (var (offset, symbol) in Relocations(index))
        {
            var instruction = code.AsSpan(offset, 16);
            if (instruction[0] != LoadImmediate64)
            {
                throw new InvalidDataException($"The reference to {symbol} at {offset} in {name} is not a 64-bit load.");
            }

            var isMap = maps.TryGetValue(symbol, out var value);
            if (isMap)
            {
                instruction[1] |= MapDescriptor;
            }
            else
            {
                value = values[symbol];
            }

            BinaryPrimitives.WriteInt32LittleEndian(instruction[4..], value);
        }

        return code;
    }

    private IEnumerable<(int Offset, string Symbol)> Relocations(int target)
    {
        const uint SHT_REL = 9;
        foreach (var section in _sections.Where(section => section.Type == SHT_REL && section.Info == target))
        {
            for (var at = 0; at < section.Size; at += RelocationSize)
            {
                var entry = Data(section)[at..];
                var offset = (int)BinaryPrimitives.ReadUInt64LittleEndian(entry);
                yield return (offset, _symbols[(int)(BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]) >> 32)].Name);
            }
        }
    }

    private void ReadSections()
    {
        ReadOnlySpan<byte> header = _file.AsSpan(0, HeaderSize);
        var start = (int)BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(header[60..]);
        var names = BinaryPrimitives.ReadUInt16LittleEndian(header[62..]);
        var namesStart = (int)BinaryPrimitives.ReadUInt64LittleEndian(_file.AsSpan(start + (names * SectionHeaderSize) + 24));
        for (var i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = _file.AsSpan(start + (i * SectionHeaderSize), SectionHeaderSize);
            _sections.Add(new Section(
                Text(namesStart + (int)BinaryPrimitives.ReadUInt32LittleEndian(entry)),
                BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]),
                (int)BinaryPrimitives.ReadUInt64LittleEndian(entry[24..]),
                (int)BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]),
                (int)BinaryPrimitives.ReadUInt32LittleEndian(entry[40..]),
                (int)BinaryPrimitives.ReadUInt32LittleEndian(entry[44..])));
        }
    }

    private void ReadSymbols()
    {
        const uint SHT_SYMTAB = 2;
        var table = _sections.Single(static section => section.Type == SHT_SYMTAB);
        var names = _sections[table.Link].Offset;
        for (var at = 0; at < table.Size; at += SymbolSize)
        {
            var entry = Data(table)[at..];
            _symbols.Add(new Symbol(
                Text(names + (int)BinaryPrimitives.ReadUInt32LittleEndian(entry)),
                BinaryPrimitives.ReadUInt16LittleEndian(entry[6..]),
                BinaryPrimitives.ReadUInt64LittleEndian(entry[8..])));
        }
    }

    private ReadOnlySpan<byte> Data(Section section) => _file.AsSpan(section.Offset, section.Size);

    private string Text(int offset)
    {
        var rest = _file.AsSpan(offset);
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)0)]);
    }

    private readonly record struct Section(string Name, uint Type, int Offset, int Size, int Link, int Info);

    private readonly record struct Symbol(string Name, int Section, ulong Value);
}
