extern alias splice;

using System.Buffers;
using BenchmarkDotNet.Attributes;
using splice::Yarp.Splice.Tls;

namespace Bench.Micro;

/// <summary>What routing by server name costs for each connection: the hello at once, in two network packets, and byte by byte.</summary>
public class ClientHelloBenchmark
{
    private const int SegmentSize = 1400;

    private byte[] _hello = [];
    private ReadOnlySequence<byte> _inSegments;

    [Params("curl", "chromium")]
    public string Client { get; set; } = "";

    [GlobalSetup]
    public void SetUp()
    {
        _hello = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Hellos", $"{Client}.bin"));
        var first = new HelloSegment(_hello.AsMemory(0, Math.Min(SegmentSize, _hello.Length / 2)), null);
        var second = new HelloSegment(_hello.AsMemory(first.Memory.Length), first);
        _inSegments = new ReadOnlySequence<byte>(first, 0, second, second.Memory.Length);
    }

    [Benchmark]
    public string? Whole()
    {
        var reader = default(ClientHelloReader);
        _ = reader.Read(new ReadOnlySequence<byte>(_hello), out var hello);
        return hello.ServerName;
    }

    [Benchmark]
    public string? InTwoReads()
    {
        var reader = default(ClientHelloReader);
        _ = reader.Read(_inSegments.Slice(0, _inSegments.FirstSpan.Length), out _);
        _ = reader.Read(_inSegments, out var hello);
        return hello.ServerName;
    }

    [Benchmark]
    public string? ByteByByte()
    {
        var reader = default(ClientHelloReader);
        var hello = default(ClientHello);
        for (var length = 1; length <= _hello.Length; length++)
        {
            _ = reader.Read(new ReadOnlySequence<byte>(_hello, 0, length), out hello);
        }

        return hello.ServerName;
    }
}
