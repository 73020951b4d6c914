namespace Yarp.Splice.Tests.Verdict;

/// <summary>Mistakes that a programmer or a compiler could make in one instruction.</summary>
internal static class BpfMutants
{
    private const int ADD = 0x00, SUB = 0x10, NEG = 0x80, MOV = 0xb0;
    private const int JA = 0x00, CALL = 0x80, EXIT = 0x90;

    /// <summary>Tries each mistake at each place of a program.</summary>
    /// <param name="program">The program without a mistake.</param>
    /// <param name="isWrong">Whether a changed program does other than it shall. One that faults is noticed too.</param>
    /// <returns>How many changed programs there were, and which were not noticed.</returns>
    public static (int Count, List<string> Unnoticed) Try(BpfProgram program, Predicate<BpfProgram> isWrong)
    {
        var unnoticed = new List<string>();
        var count = 0;
        for (var i = 0; i < program.Instructions.Length; i++)
        {
            foreach (var changed in Of(program.Instructions, i))
            {
                count++;
                if (!IsNoticed(program.With(i, changed), isWrong))
                {
                    unnoticed.Add($"{i}: {program.Instructions[i]} -> {changed}");
                }
            }
        }

        return (count, unnoticed);
    }

    /// <summary>The mistakes at one place of a program. Some are none: the program does the same with them.</summary>
    private static IEnumerable<BpfInstruction> Of(BpfInstruction[] program, int index)
    {
        var instruction = program[index];
        if (BpfProgram.IsConditional(instruction))
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

    private static bool IsNoticed(BpfProgram program, Predicate<BpfProgram> isWrong)
    {
        try
        {
            return isWrong(program);
        }
        catch (BpfFaultException)
        {
            return true;
        }
    }

    /// <summary>Whether a load's result is overwritten on every way before anything reads it: the compiler reads what one form, or one way, does not need.</summary>
    private static bool IsUnused(BpfInstruction[] program, int index) =>
        program[index].Class == 1 && !IsReadFrom(program, index + 1, program[index].Destination, []);

    private static bool IsReadFrom(BpfInstruction[] program, int index, int register, HashSet<int> visited)
    {
        for (var i = index; visited.Add(i); i++)
        {
            var instruction = program[i];
            var isJump = instruction.Class is 5 or 6;
            if (isJump && instruction.Operation == EXIT)
            {
                return register == 0;
            }

            if (isJump && instruction.Operation == CALL)
            {
                if (register <= 5)
                {
                    // Its arguments are read, its result is in register 0, and the others are lost.
                    return register > 0 && register <= VerdictKernel.ArgumentsOf(instruction.Immediate);
                }

                continue;
            }

            var readsSource = instruction.Class is 1 or 3 || (instruction.Class is 4 or 5 or 6 or 7 && instruction.HasSourceRegister);
            var readsDestination = instruction.Class == 3 || ReadsDestination(instruction);
            if ((readsSource && instruction.Source == register) || (readsDestination && instruction.Destination == register))
            {
                return true;
            }

            if (!isJump && instruction.Class != 3 && instruction.Destination == register)
            {
                return false;
            }

            if (isJump)
            {
                var target = i + 1 + instruction.Offset;
                if (instruction.Operation == JA)
                {
                    i = target - 1;
                }
                else if (IsReadFrom(program, target, register, visited))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Whether an instruction reads its destination: calculations other than assignments, and comparisons.</summary>
    private static bool ReadsDestination(BpfInstruction instruction) =>
        (instruction.Class is 4 or 7 && instruction.Operation != MOV) || BpfProgram.IsConditional(instruction);

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
