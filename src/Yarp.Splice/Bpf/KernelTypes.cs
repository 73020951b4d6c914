using System.Buffers.Binary;
using System.Text;

namespace Yarp.Splice.Bpf;

/// <summary>
/// Finds a member's offset in the running kernel's own description of its types (Documentation/bpf/btf.rst). Reads the description once, when it is
/// constructed.
/// </summary>
internal sealed class KernelTypes
{
    public const string Path = "/sys/kernel/btf/vmlinux";

    private const ushort Magic = 0xeb9f;
    private const int KindStruct = 4;
    private const int KindUnion = 5;
    private const int TypeSize = 12;
    private const int MemberSize = 12;

    private readonly byte[] _data;
    private readonly int _strings;
    private readonly List<int> _types = [-1];

    /// <exception cref="BpfException">There is no description, or it has a form that is not known.</exception>
    public KernelTypes(string path = Path)
    {
        try
        {
            _data = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BpfException($"the kernel's type information {path} can't be read: {exception.Message}");
        }

        if (_data.Length < 24 || BinaryPrimitives.ReadUInt16LittleEndian(_data) != Magic)
        {
            throw new BpfException($"{path} does not hold type information (BTF)");
        }

        var header = ReadInt(4);
        var types = header + ReadInt(8);
        _strings = header + ReadInt(16);
        for (var at = types; at < types + ReadInt(12);)
        {
            _types.Add(at);
            at += TypeSize + ExtraSize(at, path);
        }
    }

    /// <summary>The byte offset of a member, also of one inside an unnamed structure or union.</summary>
    /// <exception cref="BpfException">There is no such structure or member, or it is a bit field.</exception>
    public int OffsetOf(string structure, string member)
    {
        foreach (var type in _types.Skip(1))
        {
            if (Kind(type) == KindStruct && NameIs(ReadInt(type), structure) && FindMember(type, member) is { } bits)
            {
                return bits % 8 == 0 ? bits / 8 : throw new BpfException($"{structure}.{member} is a bit field in this kernel");
            }
        }

        throw new BpfException($"this kernel's types have no {structure}.{member}");
    }

    private int? FindMember(int type, string member)
    {
        var hasBitFields = ReadInt(type + 4) < 0;
        for (var i = 0; i < Count(type); i++)
        {
            var at = type + TypeSize + (i * MemberSize);
            // With bit fields the upper byte is the field's size.
            var offset = hasBitFields ? ReadInt(at + 8) & 0xffffff : ReadInt(at + 8);
            if (NameIs(ReadInt(at), member))
            {
                return offset;
            }

            var inner = _types[ReadInt(at + 4)];
            if (ReadInt(at) == 0 && inner >= 0 && Kind(inner) is KindStruct or KindUnion && FindMember(inner, member) is { } innerOffset)
            {
                return offset + innerOffset;
            }
        }

        return null;
    }

    /// <summary>What follows the common part of a type, by its kind.</summary>
    private int ExtraSize(int type, string path) => Kind(type) switch
    {
        1 or 14 or 17 => 4, // int, variable, declaration tag
        3 => 12, // array
        KindStruct or KindUnion or 15 or 19 => 12 * Count(type), // and data section, 64-bit enumeration
        6 or 13 => 8 * Count(type), // enumeration, function prototype
        2 or 7 or 8 or 9 or 10 or 11 or 12 or 16 or 18 => 0,
        var kind => throw new BpfException($"{path} holds a kind of type that is not known ({kind})"),
    };

    private int Kind(int type) => (ReadInt(type + 4) >> 24) & 0x1f;

    private int Count(int type) => ReadInt(type + 4) & 0xffff;

    private int ReadInt(int offset) => BinaryPrimitives.ReadInt32LittleEndian(_data.AsSpan(offset));

    private bool NameIs(int name, string expected)
    {
        var text = _data.AsSpan(_strings + name);
        return text.Length > expected.Length && text[expected.Length] == 0 && Encoding.ASCII.GetBytes(expected).AsSpan().SequenceEqual(text[..expected.Length]);
    }
}
