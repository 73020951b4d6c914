using Demo.Gateway.CommandLine;
using Demo.Gateway.Doctor.Areas;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Doctor;

/// <summary><c>Demo.Gateway doctor</c>: what this machine gives a gateway, and what to change.</summary>
internal sealed class DoctorCommand : ICommand
{
    private const string Json = "--json";
    private const string Verbose = "--verbose";

    public string Name => "doctor";

    public string Help => """
        Demo.Gateway doctor [--json] [--verbose]

        Looks at this machine as a gateway sees it: kernel, privileges, cgroup limits, CPUs, memory nodes, network cards,
        TCP settings, descriptors; and tries splice(2) and SOCKMAP over loopback. Changes nothing. What cannot be read
        is said. Run it as the user, and in the container, that the gateway runs as.

          --json       Everything that was found, as JSON; docs/doctor.md describes it.
          --verbose    Also says why what is well matters.

        Exit codes:
          0  nothing needs attention
          1  something does
          2  wrong command line

        """;

    public Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        if (arguments.FirstOrDefault(static argument => argument is not (Json or Verbose)) is { } unknown)
        {
            throw new ConfigurationMistakeException($"{Name}: {unknown}: unknown option; accepted are {Json}, {Verbose} and --help.");
        }

        if (!OperatingSystem.IsLinux())
        {
            throw new MachineRefusalException($"{Name}: this is not Linux; accepted is Linux, whose settings it reads.");
        }

        var report = DoctorReport.Examine(DoctorReport.ReadingAreas(new SystemFiles()).Append(new ProbeArea()));
        if (arguments.Contains(Json))
        {
            Console.Out.WriteLine(DoctorJson.Write(report));
        }
        else
        {
            var isColoured = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
            Console.Out.Write(DoctorText.Write(report, arguments.Contains(Verbose), isColoured));
        }

        return Task.FromResult(report.Worst == Verdict.Attention ? ExitCodes.Failure : ExitCodes.Success);
    }
}
