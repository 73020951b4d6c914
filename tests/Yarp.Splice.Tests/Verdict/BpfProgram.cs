using Yarp.Splice.Bpf;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>One program of the embedded object, as the product's loader makes it.</summary>
internal sealed class BpfProgram
{
    private readonly BpfMachine _machine;

    private BpfProgram(BpfInstruction[] instructions)
    {
        Instructions = instructions;
        _machine = new BpfMachine(instructions);
    }

    public BpfInstruction[] Instructions { get; }

    /// <summary>The conditional jumps that were never taken, or never not, and the instructions that were never executed.</summary>
    public IEnumerable<string> Untried
    {
        get
        {
            for (var i = 0; i < Instructions.Length; i++)
            {
                var instruction = Instructions[i];
                if (instruction.Code != 0 && _machine.Executions[i] == 0)
                {
                    yield return $"{i} was never executed: {instruction}";
                }
                else if (IsConditional(instruction) && (_machine.Jumps[i] == 0 || _machine.Jumps[i] == _machine.Executions[i]))
                {
                    yield return $"{i} went one way only: {instruction}";
                }
            }
        }
    }

    public static BpfProgram Load(SockmapForm form) => Load($"verdict/{form.ToString().ToLowerInvariant()}");

    public static BpfProgram LoadBrake() => Load("filter/brake");

    public static bool IsConditional(BpfInstruction instruction) =>
        instruction.Class is 5 or 6 && instruction.Operation is not (0x00 or 0x80 or 0x90);

    /// <summary>The program with another instruction at one place.</summary>
    public BpfProgram With(int index, BpfInstruction instruction)
    {
        var changed = Instructions.ToArray();
        changed[index] = instruction;
        return new BpfProgram(changed);
    }

    /// <summary>Runs the brake for a segment.</summary>
    /// <returns>How many bytes of it are kept, and how many segments are counted as refused.</returns>
    public (int Kept, uint Refused) Run(BrakeCase brakeCase)
    {
        var kernel = new BrakeKernel(brakeCase);
        var (result, _) = _machine.Run(kernel, kernel.Context);
        return (result, kernel.Refused);
    }

    /// <summary>Runs the verdict for a segment.</summary>
    public VerdictOutcome Run(VerdictCase verdictCase) => Run(verdictCase, out _, null);

    /// <summary>Runs the verdict for a segment while user space is at work.</summary>
    public VerdictOutcome Run(VerdictCase verdictCase, out int steps, Action<VerdictKernel, int>? beforeStep)
    {
        var kernel = new VerdictKernel(verdictCase);
        (var result, steps) = _machine.Run(kernel, kernel.Context, beforeStep is null ? null : step => beforeStep(kernel, step));
        return kernel.Outcome(result);
    }

    private static BpfProgram Load(string section)
    {
        var code = BpfObject.FromResource("verdict.bpf.o").Link(section, VerdictKernel.Maps, VerdictKernel.Offsets);
        return new BpfProgram(BpfInstruction.ReadAll(code));
    }
}
