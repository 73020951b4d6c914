using System.Globalization;

namespace Bench.Driver.Contestants;

/// <summary>Kestrel with a middleware that says hello, or with files, on our transport or on Kestrel's own.</summary>
internal sealed class HttpServer(
    string name, bool onLinuxTransport, bool inline, int requestsPerConnection, string? files = null, bool sendFile = false) : DotnetContestant(name)
{
    protected override string Assembly(BenchPaths paths) => paths.HttpServer;

    protected override IEnumerable<string> Arguments(Bench bench, int port, int upstream)
    {
        yield return "--port";
        yield return port.ToString(CultureInfo.InvariantCulture);
        yield return "--transport";
        yield return onLinuxTransport ? "linux" : "sockets";
        if (inline)
        {
            yield return "--inline";
        }

        if (requestsPerConnection > 0)
        {
            yield return "--requests-per-connection";
            yield return requestsPerConnection.ToString(CultureInfo.InvariantCulture);
        }

        if (files is not null)
        {
            yield return "--files";
            yield return files;
        }

        if (sendFile)
        {
            yield return "--sendfile";
        }
    }

    protected override Dictionary<string, string> Environment(BenchPaths paths, int port) =>
        inline && !onLinuxTransport ? new() { ["DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS"] = "1" } : [];
}
