using System.Buffers.Binary;

namespace Soak;

/// <summary>The first bytes of a connection: what is going to be exchanged. Both ends draw the bytes themselves from the seed.</summary>
internal readonly record struct Exchange(ExchangeKind Kind, long FromClient, long FromUpstream, int Seed)
{
    public const int Size = 24;

    public int SeedOfUpstream => ~Seed;

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        bytes[0] = (byte)Kind;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Seed);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), FromClient);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), FromUpstream);
        return bytes;
    }

    public static Exchange Parse(ReadOnlySpan<byte> bytes) => new(
        (ExchangeKind)bytes[0],
        BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]));
}
