namespace Yarp.Splice.Tests.Verdict;

/// <summary>What a program meets outside of itself.</summary>
internal interface IBpfKernel
{
    AddressSpace Memory { get; }

    /// <summary>A map's address, as a program sees it.</summary>
    ulong AddressOf(int mapDescriptor);

    /// <summary>A helper function of the kernel (enum bpf_func_id), with its arguments; returns what it returns.</summary>
    ulong Call(int helper, ReadOnlySpan<ulong> arguments);
}
