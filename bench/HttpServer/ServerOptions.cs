namespace Bench.HttpServer;

/// <summary>The command line: <c>--port N [--transport linux|sockets] [--inline] [--requests-per-connection N]
/// [--files DIR [--sendfile]]</c>.</summary>
internal sealed record ServerOptions(int Port, bool UseLinuxTransport, bool Inline, int RequestsPerConnection, string? Files, bool SendFile)
{
    public static ServerOptions Parse(string[] arguments)
    {
        var options = new ServerOptions(0, true, false, 0, null, false);
        for (var i = 0; i < arguments.Length; i++)
        {
            options = arguments[i] switch
            {
                "--port" => options with { Port = Number(arguments, ++i, 65535) },
                "--transport" => options with { UseLinuxTransport = Transport(arguments, ++i) },
                "--inline" => options with { Inline = true },
                "--requests-per-connection" => options with { RequestsPerConnection = Number(arguments, ++i, 1_000_000) },
                "--files" => options with { Files = ++i < arguments.Length ? arguments[i] : throw new ArgumentException("--files needs a folder.") },
                "--sendfile" => options with { SendFile = true },
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
