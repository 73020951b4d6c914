namespace Bench.HttpServer;

/// <summary>The command line: <c>--port N [--transport linux|sockets] [--inline] [--requests-per-connection N]</c>.</summary>
internal sealed record ServerOptions(int Port, bool UseLinuxTransport, bool Inline, int RequestsPerConnection)
{
    public static ServerOptions Parse(string[] arguments)
    {
        var options = new ServerOptions(0, true, false, 0);
        for (var i = 0; i < arguments.Length; i++)
        {
            options = arguments[i] switch
            {
                "--port" => options with { Port = Number(arguments, ++i, 65535) },
                "--transport" => options with { UseLinuxTransport = Transport(arguments, ++i) },
                "--inline" => options with { Inline = true },
                "--requests-per-connection" => options with { RequestsPerConnection = Number(arguments, ++i, 1_000_000) },
                _ => throw new ArgumentException($"Unknown option '{arguments[i]}'."),
            };
        }

        return options.Port > 0 ? options : throw new ArgumentException("--port is missing.");
    }

    private static int Number(string[] arguments, int index, int max) =>
        index < arguments.Length && int.TryParse(arguments[index], out var value) && value > 0 && value <= max
            ? value
            : throw new ArgumentException($"{arguments[index - 1]} needs a number from 1 to {max}.");

    private static bool Transport(string[] arguments, int index) => (index < arguments.Length ? arguments[index] : null) switch
    {
        "linux" => true,
        "sockets" => false,
        _ => throw new ArgumentException("--transport is 'linux' or 'sockets'."),
    };
}
