using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Sockmap;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>Tries what the modes rely on, over loopback.</summary>
internal sealed class ProbeArea : IDoctorArea
{
    public string Name => "probes";

    public IEnumerable<Finding> Examine()
    {
        var splice = SpliceProbe.Run();
        yield return new Finding("splice", splice ?? "works", splice is null ? Verdict.Ok : Verdict.Attention,
            "splice(2) from a socket into a pipe and on to another socket: modes Splice and Auto. Where it fails they copy.");

        const string Why = "An eBPF program relays between two sockets: mode Sockmap. Where it fails its routes run as Splice.";
        var support = SockmapSupport.Load(eventLoops: 1);
        using var program = support.Program;
        yield return program is null
            ? new Finding("sockmap", support.Reason ?? "unknown", Verdict.Note, Why)
            : new Finding("sockmap", $"works, in {program.Form.ToString().ToLowerInvariant()} form{(support.Reason is null ? "" : $": {support.Reason}")}",
                support.Reason is null ? Verdict.Ok : Verdict.Note, Why);
    }
}
