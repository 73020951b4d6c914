using System.Runtime.InteropServices;

namespace Demo.Gateway.Errors;

/// <summary>What the process tells its parent.</summary>
internal static class ExitCodes
{
    public const int Success = 0;

    /// <summary>The machine refused: a port in use, no permission.</summary>
    public const int Failure = 1;

    /// <summary>The command line or the configuration is wrong; starting again without a change cannot help.</summary>
    public const int Configuration = 2;

    /// <summary>A second signal ended it, without waiting for what was in flight: 128 and the signal's number, as shells say it.</summary>
    public static int EndedBy(PosixSignal signal) => 128 + signal switch
    {
        PosixSignal.SIGINT => 2,
        PosixSignal.SIGQUIT => 3,
        _ => 15,
    };
}
