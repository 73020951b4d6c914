namespace Yarp.Splice.Tests.Verdict;

/// <summary>A program did what the kernel's verifier would not have let it do, or what this machine does not know.</summary>
internal sealed class BpfFaultException(string message) : Exception(message);
