using System.Net;
using BenchmarkDotNet.Attributes;
using Transport.Linux.Interop;

namespace Bench.Micro;

/// <summary>The remote address of an accepted socket, once for each connection.</summary>
public class SocketAddressBenchmark
{
    private readonly byte[] _ipv4 = NativeSocketAddress.ToBytes(new IPEndPoint(IPAddress.Parse("192.0.2.17"), 43210)).ToArray();
    private readonly byte[] _ipv6 = NativeSocketAddress.ToBytes(new IPEndPoint(IPAddress.Parse("2001:db8::17"), 43210)).ToArray();

    [Benchmark]
    public EndPoint ParseIpv4() => NativeSocketAddress.ToEndPoint(_ipv4);

    [Benchmark]
    public EndPoint ParseIpv6() => NativeSocketAddress.ToEndPoint(_ipv6);
}
