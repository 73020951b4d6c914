using Soak;

if (args is ["upstream", var tcpPort, var httpPort])
{
    await UpstreamServer.RunAsync(SoakOptions.ParsePort(tcpPort), SoakOptions.ParsePort(httpPort));
    return 0;
}

SoakOptions options;
try
{
    options = SoakOptions.Parse(args);
}
catch (UsageException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}

if (options.Help)
{
    Console.WriteLine(SoakOptions.Usage);
    return 0;
}

return await SoakRun.RunAsync(options) ? 0 : 1;
