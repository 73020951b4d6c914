using System.Buffers.Binary;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>An instruction of the eBPF instruction set (RFC 9669). The second half of a 64-bit load is an instruction whose code is zero.</summary>
internal readonly record struct BpfInstruction(byte Code, byte Destination, byte Source, short Offset, int Immediate)
{
    private const int Size = 8;

    public int Class => Code & 0x07;

    /// <summary>Arithmetic and jumps: which.</summary>
    public int Operation => Code & 0xf0;

    /// <summary>Arithmetic and jumps: whether the second operand is a register.</summary>
    public bool HasSourceRegister => (Code & 0x08) != 0;

    /// <summary>Loads and stores: how many bytes.</summary>
    public int Width => (Code & 0x18) switch { 0x00 => 4, 0x08 => 2, 0x10 => 1, _ => 8 };

    public static BpfInstruction[] ReadAll(ReadOnlySpan<byte> code)
    {
        var instructions = new BpfInstruction[code.Length / Size];
        for (var i = 0; i < instructions.Length; i++)
        {
            var bytes = code.Slice(i * Size, Size);
            instructions[i] = new BpfInstruction(
                bytes[0], (byte)(bytes[1] & 0x0f), (byte)(bytes[1] >> 4), BinaryPrimitives.ReadInt16LittleEndian(bytes[2..]),
                BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]));
        }

        return instructions;
    }
}
