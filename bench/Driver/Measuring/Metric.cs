namespace Bench.Driver.Measuring;

/// <summary>One measured quantity: its key in the JSON, its heading, and how it is shown.</summary>
internal sealed record Metric(string Key, string Heading, string Format, bool HigherIsBetter)
{
    public static readonly Metric PerSecond = new("perSecond", "per s", "N0", true);
    public static readonly Metric ServerCpu = new("serverCpuUs", "server CPU µs/req", "N2", false);
    public static readonly Metric BusyPerRequest = new("busyUs", "machine µs/req", "N2", false);
    public static readonly Metric P50 = new("p50Us", "p50 µs", "N0", false);
    public static readonly Metric P99 = new("p99Us", "p99 µs", "N0", false);
    public static readonly Metric P999 = new("p999Us", "p99.9 µs", "N0", false);
    public static readonly Metric Worst = new("maxUs", "worst µs", "N0", false);
    public static readonly Metric Lost = new("lost", "lost", "N0", false);
    public static readonly Metric Throughput = new("gbitPerSecond", "Gbit/s", "N2", true);
    public static readonly Metric BusySeconds = new("busySeconds", "machine busy s", "N2", false);
    public static readonly Metric ServerCpuSeconds = new("serverCpuSeconds", "server CPU s", "N2", false);
    public static readonly Metric CpuPerGigabyte = new("serverCpuPerGigabyte", "server CPU s/GB", "N3", false);
    public static readonly Metric ServerCores = new("serverCores", "server cores", "N2", false);
    public static readonly Metric LoadCores = new("loadCores", "load cores", "N2", false);
    public static readonly Metric UpstreamCores = new("upstreamCores", "upstream cores", "N2", false);
    public static readonly Metric AcceptsPerRequest = new("acceptsPerRequest", "accepts/req", "N3", false);
    public static readonly Metric Start = new("startMs", "ms to an open port", "N0", false);
    public static readonly Metric Resident = new("residentMiB", "RSS MiB", "N1", false);
    public static readonly Metric ProcessPerConnection = new("processBytes", "process B/conn", "N0", false);
    public static readonly Metric SlabPerConnection = new("slabBytes", "slab B/conn", "N0", false);
    public static readonly Metric TcpPerConnection = new("tcpBytes", "TCP buffers B/conn", "N0", false);
    public static readonly Metric AccountedPerConnection = new("accountedBytes", "accounted B/conn", "N0", false);
    public static readonly Metric AvailablePerConnection = new("availableBytes", "MemAvailable B/conn", "N0", false);
    public static readonly Metric AcceptedPerConnection = new("acceptedBytes", "accepted B/conn", "N0", false);
}
