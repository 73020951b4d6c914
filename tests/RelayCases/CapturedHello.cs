using System.Collections.Concurrent;
using System.Net.Security;

namespace RelayCases;

/// <summary>ClientHellos as .NET's TLS client writes them, and what can be made of them.</summary>
internal static class CapturedHello
{
    private const int RecordHeader = 5;

    private static readonly ConcurrentDictionary<(string Name, int Protocols), byte[]> s_captured = new();

    /// <summary>A hello for the name, or without one if it is empty.</summary>
    /// <param name="name">The server name.</param>
    /// <param name="protocols">ALPN protocols that it offers, to make it long.</param>
    public static byte[] Of(string name, int protocols = 0) => s_captured.GetOrAdd((name, protocols), static key => Capture(key.Name, key.Protocols));

    /// <summary>The same handshake message in two records, the first of which ends at the position.</summary>
    public static byte[] InTwoRecords(byte[] hello, int position)
    {
        var (version, message) = (hello[..3], hello[RecordHeader..]);
        return [.. version, .. Length(position), .. message[..position], .. version, .. Length(message.Length - position), .. message[position..]];

        static byte[] Length(int length) => [(byte)(length >> 8), (byte)length];
    }

    private static byte[] Capture(string name, int protocols)
    {
        using var captured = new CapturingStream();
        using var tls = new SslStream(captured);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = name,
            ApplicationProtocols = [.. Enumerable.Range(0, protocols).Select(static i => new SslApplicationProtocol($"protocol-number-{i:000}"))],
        };
        try
        {
            tls.AuthenticateAsClient(options);
        }
        catch (Exception exception) when (exception is IOException or System.Security.Authentication.AuthenticationException)
        {
            // Nobody answers: the hello is all that was wanted.
        }

        return captured.Written;
    }

    /// <summary>Keeps what is written and has nothing to read.</summary>
    private sealed class CapturingStream : MemoryStream
    {
        public byte[] Written => ToArray();

        public override int Read(Span<byte> buffer) => 0;

        public override int Read(byte[] buffer, int offset, int count) => 0;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(0);
    }
}
