using Demo.Gateway.Admin;
using Demo.Gateway.CommandLine;
using Demo.Gateway.Errors;
using Demo.Gateway.Hosting;

namespace Demo.Gateway;

internal sealed class Program
{
    private Program()
    {
    }

    public static async Task<int> Main(string[] args)
    {
        try
        {
            if (args is [HealthCheck.Command, .. var rest])
            {
                return await HealthCheck.RunAsync(rest);
            }

            var options = GatewayCommandLine.Parse(args);
            if (options.ShowHelp)
            {
                Console.Out.Write(Usage.Text);
                return ExitCodes.Success;
            }

            if (options.ShowVersion)
            {
                Console.Out.WriteLine(Usage.Version);
                return ExitCodes.Success;
            }

            return await GatewayApplication.RunAsync(options);
        }
        catch (Exception exception) when (exception is not HostAbortedException)
        {
            var failure = StartupFailure.From(exception);
            foreach (var line in failure.Lines)
            {
                Console.Error.WriteLine(line);
            }

            return failure.ExitCode;
        }
    }
}
