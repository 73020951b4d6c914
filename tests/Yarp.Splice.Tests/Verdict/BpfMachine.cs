using System.Buffers.Binary;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>
/// Executes eBPF instructions one by one (RFC 9669): those that the verdict program is built of; others are a fault. Registers and stack begin with
/// rubbish, and a call leaves rubbish in the registers that it may change, so that nothing can rely on it.
/// </summary>
internal sealed class BpfMachine(BpfInstruction[] program)
{
    private const int MostSteps = 50_000;
    private const int StackSize = 512;
    private const int FramePointer = 10;
    private const ulong Rubbish = 0xbadbadbadbadbad0;

    private const int LD = 0, LDX = 1, STX = 3, ALU = 4, JMP = 5, JMP32 = 6, ALU64 = 7;
    private const int ADD = 0x00, SUB = 0x10, MUL = 0x20, AND = 0x50, LSH = 0x60, RSH = 0x70, NEG = 0x80, MOV = 0xb0;
    private const int JA = 0x00, CALL = 0x80, EXIT = 0x90;
    private const int FETCH = 1;

    private readonly ulong[] _registers = new ulong[FramePointer + 1];
    private readonly byte[] _stack = new byte[StackSize];

    /// <summary>How often each instruction was executed in all runs.</summary>
    public int[] Executions { get; } = new int[program.Length];

    /// <summary>How often each instruction, if it is a conditional jump, was taken in all runs.</summary>
    public int[] Jumps { get; } = new int[program.Length];

    /// <summary>Runs the program to its end.</summary>
    /// <param name="kernel">What it meets.</param>
    /// <param name="context">Its argument.</param>
    /// <param name="beforeStep">Called before each step with its number: what others do meanwhile.</param>
    /// <returns>What the program returns, and how many steps it took.</returns>
    public (int Result, int Steps) Run(IBpfKernel kernel, ulong context, Action<int>? beforeStep = null)
    {
        Array.Fill(_registers, Rubbish);
        Array.Fill(_stack, (byte)0xcc);
        _registers[1] = context;
        _registers[FramePointer] = kernel.Memory.Add(_stack) + StackSize;
        var at = 0;
        for (var step = 0; step < MostSteps; step++)
        {
            beforeStep?.Invoke(step);
            if ((uint)at >= (uint)program.Length)
            {
                throw new BpfFaultException($"jumped out of the program, to {at}");
            }

            Executions[at]++;
            var instruction = program[at];
            if (instruction.Class == JMP && instruction.Operation == EXIT)
            {
                return ((int)_registers[0], step + 1);
            }

            at = Execute(instruction, at, kernel);
        }

        throw new BpfFaultException($"has not ended after {MostSteps} steps");
    }

    /// <summary>Executes one instruction; returns the index of the next.</summary>
    private int Execute(in BpfInstruction instruction, int at, IBpfKernel kernel)
    {
        ref var destination = ref _registers[instruction.Destination];
        switch (instruction.Class)
        {
            case LD when instruction.Code == 0x18:
                destination = instruction.Source == 1
                    ? kernel.AddressOf(instruction.Immediate)
                    : (uint)instruction.Immediate | ((ulong)(uint)program[at + 1].Immediate << 32);
                return at + 2;
            case LDX when (instruction.Code & 0xe0) == 0x60:
                destination = Load(kernel.Memory.At(_registers[instruction.Source] + (ulong)instruction.Offset, instruction.Width));
                return at + 1;
            case STX when (instruction.Code & 0xe0) == 0x60:
                Store(kernel.Memory.At(destination + (ulong)instruction.Offset, instruction.Width), _registers[instruction.Source]);
                return at + 1;
            case STX when instruction.Code is 0xc3 or 0xdb && (instruction.Immediate & ~FETCH) == 0:
                AddAtomically(kernel.Memory.At(destination + (ulong)instruction.Offset, instruction.Width), instruction);
                return at + 1;
            case ALU or ALU64:
                destination = Calculate(instruction, destination, SecondOperand(instruction));
                return at + 1;
            case JMP when instruction.Code == (JMP | CALL) && instruction.Source == 0:
                _registers[0] = kernel.Call(instruction.Immediate, _registers.AsSpan(1, 5));
                Array.Fill(_registers, Rubbish, 1, 5);
                return at + 1;
            case JMP when instruction.Operation == JA:
                return at + 1 + instruction.Offset;
            case JMP or JMP32:
                if (!Holds(instruction, destination, SecondOperand(instruction)))
                {
                    return at + 1;
                }

                Jumps[at]++;
                return at + 1 + instruction.Offset;
            default:
                throw new BpfFaultException($"unknown: {instruction}");
        }
    }

    private ulong SecondOperand(in BpfInstruction instruction) =>
        instruction.HasSourceRegister ? _registers[instruction.Source] : (ulong)instruction.Immediate;

    private static ulong Calculate(in BpfInstruction instruction, ulong first, ulong second)
    {
        var result = instruction.Operation switch
        {
            ADD => first + second,
            SUB => first - second,
            MUL => first * second,
            AND => first & second,
            LSH => first << (int)second,
            RSH => (instruction.Class == ALU ? (uint)first : first) >> (int)second,
            NEG => 0 - first,
            MOV => second,
            _ => throw new BpfFaultException($"unknown: {instruction}"),
        };
        return instruction.Class == ALU ? (uint)result : result;
    }

    private static bool Holds(in BpfInstruction instruction, ulong first, ulong second)
    {
        var (signedFirst, signedSecond) = ((long)first, (long)second);
        if (instruction.Class == JMP32)
        {
            (first, second) = ((uint)first, (uint)second);
            (signedFirst, signedSecond) = ((int)first, (int)second);
        }

        return instruction.Operation switch
        {
            0x10 => first == second,
            0x20 => first > second,
            0x30 => first >= second,
            0x50 => first != second,
            0x60 => signedFirst > signedSecond,
            0x70 => signedFirst >= signedSecond,
            0xa0 => first < second,
            0xb0 => first <= second,
            0xc0 => signedFirst < signedSecond,
            0xd0 => signedFirst <= signedSecond,
            _ => throw new BpfFaultException($"unknown: {instruction}"),
        };
    }

    private void AddAtomically(Span<byte> place, in BpfInstruction instruction)
    {
        ref var operand = ref _registers[instruction.Source];
        var before = Load(place);
        Store(place, before + operand);
        if (instruction.Immediate == FETCH)
        {
            operand = before;
        }
    }

    private static ulong Load(ReadOnlySpan<byte> place) => place.Length switch
    {
        1 => place[0],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(place),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(place),
        _ => BinaryPrimitives.ReadUInt64LittleEndian(place),
    };

    private static void Store(Span<byte> place, ulong value)
    {
        switch (place.Length)
        {
            case 1:
                place[0] = (byte)value;
                break;
            case 2:
                BinaryPrimitives.WriteUInt16LittleEndian(place, (ushort)value);
                break;
            case 4:
                BinaryPrimitives.WriteUInt32LittleEndian(place, (uint)value);
                break;
            default:
                BinaryPrimitives.WriteUInt64LittleEndian(place, value);
                break;
        }
    }
}
