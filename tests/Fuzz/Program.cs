using Fuzz;
using Fuzz.Targets;

FuzzTarget[] targets =
[
    new HelloTarget(), new ProxyHeaderTarget(), new SocketAddressTarget(), new ConnectTargetTarget(), new UpgradeMessageTarget(), new AdminTarget(),
    new ConfigurationTarget(), new ReloadTarget(),
];
// Thousands of configurations are built, and each would watch its files.
Environment.SetEnvironmentVariable("DOTNET_hostBuilder__reloadConfigOnChange", "false");

FuzzOptions options;
try
{
    options = FuzzOptions.Parse(args);
    if (options.Target is not null && targets.All(target => target.Name != options.Target))
    {
        throw new UsageException($"'{options.Target}' is not accepted for --target: accepted are {Names()}.");
    }
}
catch (UsageException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}

if (options.Help)
{
    Console.WriteLine($"{FuzzOptions.Usage}\n\nTargets: {Names()}");
    return 0;
}

var chosen = targets.Where(target => options.Target is null || target.Name == options.Target);
var failed = chosen.Where(target => !new FuzzRun(target, options).Run()).ToArray();
return failed.Length == 0 ? 0 : 1;

string Names() => string.Join(", ", targets.Select(static target => target.Name));
