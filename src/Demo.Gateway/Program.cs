using Demo.Gateway.CommandLine;
using Demo.Gateway.Errors;

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
            return await Commands.RunAsync(args);
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
