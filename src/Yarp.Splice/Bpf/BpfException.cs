using Transport.Linux.Interop;

namespace Yarp.Splice.Bpf;

/// <summary>The kernel refused something that Sockmap mode needs. The message says what, and what it usually means.</summary>
internal sealed class BpfException(string message) : Exception(message)
{
    /// <summary>An exception for a failed bpf(2) command.</summary>
    /// <param name="action">What was tried.</param>
    /// <param name="errno">The error number.</param>
    /// <param name="detail">What else is known: the end of the verifier's log.</param>
    public static BpfException From(string action, int errno, string detail = "") =>
        new($"{action} failed: {Errno.Describe(errno)}: {Explain(errno)}{(detail.Length > 0 ? $"; the verifier says: {detail}" : "")}");

    private static string Explain(int errno) => errno switch
    {
        Errno.EPERM or Errno.EACCES => Capabilities.MissingForSockmap() is { Length: > 0 } missing
            ? $"the process lacks {missing}"
            : "the capabilities are there, so a seccomp filter, a user namespace or a security module forbids it",
        Errno.ENOSYS => "the kernel has no bpf(2), or a seccomp filter hides it",
        Errno.EINVAL => "this kernel does not support it",
        Errno.E2BIG => "the kernel's limits are smaller than what is needed",
        Errno.ENOMEM => "the kernel, or the memory limit of the control group, has no memory left for it",
        Errno.EMFILE or Errno.ENFILE => "no descriptor is left",
        _ => "no further explanation is known",
    };
}
