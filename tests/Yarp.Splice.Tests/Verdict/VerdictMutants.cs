namespace Yarp.Splice.Tests.Verdict;

/// <summary>Mistakes that a programmer or a compiler could make in one instruction.</summary>
internal static class VerdictMutants
{
    private const int ADD = 0x00, SUB = 0x10, NEG = 0x80, MOV = 0xb0;

    /// <summary>The mistakes at one place of a program. Some are none: the program does the same with them.</summary>
    public static IEnumerable<BpfInstruction> Of(BpfInstruction[] program, int index)
    {
        var instruction = program[index];
        if (VerdictProgram.IsConditional(instruction))
        {
            yield return instruction with { Code = With(instruction, Inverse(instruction.Operation)) };
            if (AtTheLimit(instruction.Operation) is { } other && !IsMinimum(program, index))
            {
                yield return instruction with { Code = With(instruction, other) };
            }

            if (!instruction.HasSourceRegister)
            {
                yield return instruction with { Immediate = instruction.Immediate + 1 };
            }
        }
        else if (instruction.Class is 4 or 7 && instruction.Operation is ADD or SUB)
        {
            yield return instruction with { Code = With(instruction, instruction.Operation ^ SUB) };
        }
        else if (instruction.Class is 4 or 7 && !instruction.HasSourceRegister && instruction.Operation != NEG)
        {
            yield return instruction with { Immediate = instruction.Immediate + 1 };
        }
        else if (instruction.Class is 1 or 3 && !IsUnused(program, index))
        {
            yield return instruction with { Offset = (short)(instruction.Offset + instruction.Width) };
        }
    }

    /// <summary>Whether a load's result is overwritten before anything reads it: the source has the compiler read what one form does not need.</summary>
    private static bool IsUnused(BpfInstruction[] program, int index)
    {
        var register = program[index].Destination;
        for (var i = index + 1; program[index].Class == 1 && i < program.Length && program[i].Class is not (5 or 6); i++)
        {
            var next = program[i];
            if (next.Class != 0 && next.Source == register && (next.Class is 1 or 3 || next.HasSourceRegister))
            {
                return false;
            }

            if (next.Destination == register)
            {
                return next.Class is 0 or 1 || next.Operation == MOV;
            }
        }

        return false;
    }

    /// <summary>Whether the jump skips the assignment of one side of the comparison to the other, which are the same at the limit.</summary>
    private static bool IsMinimum(BpfInstruction[] program, int index) =>
        program[index].Offset == 1 && program[index + 1].Code is 0xbc or 0xbf &&
        (program[index + 1].Destination, program[index + 1].Source) == (program[index].Destination, program[index].Source);

    private static byte With(BpfInstruction instruction, int operation) => (byte)((instruction.Code & 0x0f) | operation);

    private static int Inverse(int operation) => operation switch
    {
        0x10 => 0x50,
        0x50 => 0x10,
        0x20 => 0xb0,
        0xb0 => 0x20,
        0x30 => 0xa0,
        0xa0 => 0x30,
        0x60 => 0xd0,
        0xd0 => 0x60,
        0x70 => 0xc0,
        _ => 0x70,
    };

    /// <summary>The same comparison with or without equality.</summary>
    private static int? AtTheLimit(int operation) => operation switch
    {
        0x20 => 0x30,
        0x30 => 0x20,
        0x60 => 0x70,
        0x70 => 0x60,
        0xa0 => 0xb0,
        0xb0 => 0xa0,
        0xc0 => 0xd0,
        0xd0 => 0xc0,
        _ => null,
    };
}
