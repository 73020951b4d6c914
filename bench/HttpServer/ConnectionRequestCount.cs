namespace Bench.HttpServer;

/// <summary>How many requests a connection has made; kept with the connection.</summary>
internal sealed class ConnectionRequestCount
{
    public int Value { get; set; }
}
