using System.Net;
using Demo.Gateway.CommandLine;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Admin;

/// <summary><c>Demo.Gateway health</c>: asks the gateway that runs on this machine, for the health check of a container without other programs.</summary>
internal sealed class HealthCommand : ICommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    public string Name => "health";

    public string Help => """
        Demo.Gateway health [URL]

        Asks the gateway that runs on this machine whether it is well.

          URL    Its admin endpoint. Default: the environment variable Admin__Url, else http://127.0.0.1:9901.

        Exit codes:
          0  it answers that it is well
          1  it does not
          2  wrong command line

        """;

    /// <returns>0 if it answers that it is well, 1 if not.</returns>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        var url = arguments.Count > 0 ? arguments[0] : Environment.GetEnvironmentVariable("Admin__Url") ?? AdminOptions.DefaultUrl;
        if (arguments.Count > 1 || !Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttp)
        {
            throw new ConfigurationMistakeException(
                $"{Name}: '{string.Join(' ', arguments)}' is no URL; accepted is one http://ADDRESS:PORT, such as {AdminOptions.DefaultUrl}, or nothing.");
        }

        // An endpoint on all addresses is there on loopback.
        var host = address.Host is "0.0.0.0" or "[::]" ? "127.0.0.1" : address.Host;
        using var client = new HttpClient { Timeout = s_patience };
        try
        {
            using var answer = await client.GetAsync(new Uri($"http://{host}:{address.Port}/healthz"));
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                return ExitCodes.Success;
            }

            Console.Error.WriteLine($"{Name}: {address} answers {(int)answer.StatusCode}.");
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            Console.Error.WriteLine($"{Name}: {address} does not answer: {exception.Message}");
        }

        return ExitCodes.Failure;
    }
}
