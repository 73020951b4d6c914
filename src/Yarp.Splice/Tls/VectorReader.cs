using System.Buffers.Binary;

namespace Yarp.Splice.Tls;

/// <summary>Reads the presentation language of TLS (RFC 8446, section 3): numbers, and vectors that a length stands before.</summary>
internal ref struct VectorReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public bool TrySkip(int count) => TryRead(count, out _);

    public bool TryReadByte(out byte value)
    {
        var isThere = TryRead(1, out var bytes);
        value = isThere ? bytes[0] : (byte)0;
        return isThere;
    }

    public bool TryReadUInt16(out ushort value)
    {
        var isThere = TryRead(2, out var bytes);
        value = isThere ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : (ushort)0;
        return isThere;
    }

    /// <summary>A vector of up to 255 bytes.</summary>
    public bool TryReadVector8(out ReadOnlySpan<byte> vector)
    {
        vector = default;
        return TryReadByte(out var length) && TryRead(length, out vector);
    }

    /// <summary>A vector of up to 65,535 bytes.</summary>
    public bool TryReadVector16(out ReadOnlySpan<byte> vector)
    {
        vector = default;
        return TryReadUInt16(out var length) && TryRead(length, out vector);
    }

    private bool TryRead(int count, out ReadOnlySpan<byte> bytes)
    {
        if (_rest.Length < count)
        {
            bytes = default;
            return false;
        }

        bytes = _rest[..count];
        _rest = _rest[count..];
        return true;
    }
}
