using System.Reflection;
using TestRunner;
using Xunit.Abstractions;
using Xunit.Sdk;

const string Usage = """
    TestRunner ASSEMBLY [--only PART]... [--not PART]... [--verbose]

    Runs the tests of ASSEMBLY, a file beside this program, one after another: no SDK and no test host is needed, and as little as possible is started.
    --only PART   only tests whose name, as printed, contains PART; several: any of them
    --not PART    no test whose name contains PART
    --verbose     prints the tests that pass too, with their time
    Exit status: 0 if no test failed and at least one ran, 1 otherwise, 2 = wrong usage.
    """;

if (args is not [var name, ..] || name.StartsWith('-'))
{
    Console.Error.WriteLine(Usage);
    return 2;
}

List<string> only = [], not = [];
var isVerbose = false;
for (var index = 1; index < args.Length; index++)
{
    if (args[index] == "--verbose")
    {
        isVerbose = true;
    }
    else if (args[index] is "--only" or "--not" && index + 1 < args.Length)
    {
        (args[index] == "--only" ? only : not).Add(args[++index]);
    }
    else
    {
        Console.Error.WriteLine($"TestRunner: '{args[index]}' is not an option, or lacks its value.{Environment.NewLine}{Usage}");
        return 2;
    }
}

var file = Path.Combine(AppContext.BaseDirectory, name.EndsWith(".dll", StringComparison.Ordinal) ? name : $"{name}.dll");
if (!File.Exists(file))
{
    Console.Error.WriteLine($"TestRunner: there is no {file}.");
    return 2;
}

var assembly = Assembly.LoadFrom(file);
using var diagnostics = new Discovery();
using var framework = new XunitTestFramework(diagnostics);
// One after another: side by side, in a machine that is emulated, they would only run into one another's deadlines.
var options = new RunOptions();
options.SetValue("xunit.execution.DisableParallelization", (bool?)true);
options.SetValue("xunit.discovery.SynchronousMessageReporting", (bool?)true);
options.SetValue("xunit.execution.SynchronousMessageReporting", (bool?)true);

using var discovery = new Discovery();
using (var discoverer = framework.GetDiscoverer(Reflector.Wrap(assembly)))
{
    discoverer.Find(includeSourceInformation: false, discovery, options);
    discovery.Wait();
}

var cases = discovery.Cases.Where(test => IsWanted(test.DisplayName)).ToList();
using var execution = new Execution(Console.Out, isVerbose);
using (var executor = framework.GetExecutor(assembly.GetName()))
{
    executor.RunTests(cases, execution, options);
    execution.Wait();
}

Console.WriteLine(execution);
return cases.Count > 0 && execution.Failed == 0 ? 0 : 1;

bool IsWanted(string display) =>
    (only.Count == 0 || only.Exists(part => display.Contains(part, StringComparison.Ordinal)))
    && !not.Exists(part => display.Contains(part, StringComparison.Ordinal));
