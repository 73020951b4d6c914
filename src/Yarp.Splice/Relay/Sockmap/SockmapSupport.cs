using Yarp.Splice.Bpf;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary>Whether Sockmap mode can run here: the program, loaded and probed, or the reason why not.</summary>
/// <param name="Program">The program, or <see langword="null"/>.</param>
/// <param name="Reason">Without a program, why; with one in credit form, why it is not the exact form; otherwise <see langword="null"/>.</param>
internal sealed record SockmapSupport(SockmapProgram? Program, string? Reason)
{
    /// <summary>Loads the exact form, or else the credit form, and probes it.</summary>
    /// <param name="eventLoops">How many event loops will arm sockets.</param>
    public static SockmapSupport Load(int eventLoops)
    {
        if (KernelGate.Refusal() is { } refusal)
        {
            return new SockmapSupport(null, refusal);
        }

        PermittedCapabilities.PutIntoEffect();
        if (!Capabilities.HasPerfmon())
        {
            return Load(SockmapForm.Credit, eventLoops, "the process lacks CAP_PERFMON");
        }

        var exact = Load(SockmapForm.Exact, eventLoops, null);
        return exact.Program is not null ? exact : Load(SockmapForm.Credit, eventLoops, exact.Reason);
    }

    /// <summary>Loads and probes one form.</summary>
    public static SockmapSupport Load(SockmapForm form, int eventLoops, string? whyNotBetter)
    {
        SockmapProgram program;
        try
        {
            program = new SockmapProgram(form, eventLoops);
        }
        catch (Exception exception) when (exception is BpfException or IOException or UnauthorizedAccessException)
        {
            return new SockmapSupport(null, exception.Message);
        }

        if (SockmapProbe.Run(program) is { } mistake)
        {
            program.Dispose();
            return new SockmapSupport(null, mistake);
        }

        return new SockmapSupport(program, whyNotBetter);
    }
}
