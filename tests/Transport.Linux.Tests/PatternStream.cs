namespace Transport.Linux.Tests;

/// <summary>Bytes that everybody can compute from their position, in any number, and compare as fast as memory goes.</summary>
internal sealed class PatternStream(long length) : Stream
{
    // Not a multiple of any buffer's size, so that a lost or repeated buffer shifts what follows.
    private const int Period = (1 << 20) + 7;

    private static readonly byte[] s_pattern = CreatePattern();

    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    /// <summary>The bytes from a position on, up to a mebibyte of them.</summary>
    public static ReadOnlyMemory<byte> At(long position, int count) => s_pattern.AsMemory((int)(position % Period), Math.Min(count, Period));

    /// <summary>Reads to the end and checks every byte; returns their number.</summary>
    public static async Task<long> VerifyAsync(Stream stream)
    {
        var buffer = new byte[256 * 1024];
        var position = 0L;
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0)
        {
            Assert.True(buffer.AsSpan(0, count).SequenceEqual(At(position, count).Span), $"other bytes than expected behind {position}");
            position += count;
        }

        return position;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        var piece = At(_position, (int)Math.Min(buffer.Length, length - _position)).Span;
        piece.CopyTo(buffer);
        _position += piece.Length;
        return piece.Length;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private static byte[] CreatePattern()
    {
        var pattern = new byte[2 * Period];
        new Random(1).NextBytes(pattern.AsSpan(0, Period));
        pattern.AsSpan(0, Period).CopyTo(pattern.AsSpan(Period));
        return pattern;
    }
}
