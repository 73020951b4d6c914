using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Tls;

namespace Yarp.Splice.Listening;

/// <summary>
/// Reads what a Kestrel connection begins with: a PROXY protocol header, which is taken out of its pipe, and a ClientHello, of which every byte is left
/// for whoever gets the connection. One deadline is for all of it, not for the next byte.
/// </summary>
internal sealed class ConnectionPreread(ConnectionContext connection, TimeSpan timeout, CancellationToken portClosed) : IDisposable
{
    // Kestrel waits for its connections when it stops, and nobody else could tell it that this one is idle. On a port that is not Kestrel's the port tells.
    private readonly CancellationToken _stopping =
        connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? portClosed;

    private CancellationTokenSource? _deadline;

    /// <summary>Takes the header out of the pipe.</summary>
    /// <returns><see cref="ProxyHeaderStatus.NeedMore"/> if the deadline has passed; <see langword="null"/> if the peer closed without a byte.</returns>
    /// <exception cref="IOException">The connection failed.</exception>
    /// <exception cref="ConnectionAbortedException">The connection was aborted, or the server is stopping.</exception>
    public async ValueTask<(ProxyHeaderStatus Status, ReceivedProxyHeader Header)?> TakeProxyHeaderAsync()
    {
        var input = connection.Transport.Input;
        while (await ReadAsync() is { } result)
        {
            var buffer = result.Buffer;
            var status = ReadHeader(buffer, out var header);
            if (status == ProxyHeaderStatus.NeedMore && !result.IsCompleted)
            {
                input.AdvanceTo(buffer.Start, buffer.End);
                continue;
            }

            input.AdvanceTo(buffer.GetPosition(header.Length));
            return buffer.IsEmpty ? null : (status == ProxyHeaderStatus.Complete ? status : ProxyHeaderStatus.Malformed, header);
        }

        return (ProxyHeaderStatus.NeedMore, default);
    }

    /// <summary>Looks at the hello.</summary>
    /// <returns>What it says, which may be nothing; <see langword="null"/> if the deadline has passed.</returns>
    /// <exception cref="IOException">The connection failed.</exception>
    /// <exception cref="ConnectionAbortedException">The connection was aborted, or the server is stopping.</exception>
    public async ValueTask<ClientHello?> ReadClientHelloAsync()
    {
        var input = connection.Transport.Input;
        var reader = default(ClientHelloReader);
        while (await ReadAsync() is { } result)
        {
            var status = reader.Read(result.Buffer, out var hello);
            if (status != ClientHelloStatus.NeedMore || result.IsCompleted)
            {
                // Nothing is examined, so that the next read returns at once.
                input.AdvanceTo(result.Buffer.Start);
                return hello;
            }

            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }

        return null;
    }

    public void Dispose() => _deadline?.Dispose();

    private static ProxyHeaderStatus ReadHeader(in ReadOnlySequence<byte> buffer, out ReceivedProxyHeader header)
    {
        if (buffer.IsSingleSegment)
        {
            return ProxyHeaderReader.Read(buffer.FirstSpan, out header);
        }

        Span<byte> bytes = stackalloc byte[(int)Math.Min(buffer.Length, ProxyHeaderReader.MaxLength)];
        buffer.Slice(0, bytes.Length).CopyTo(bytes);
        return ProxyHeaderReader.Read(bytes, out header);
    }

    /// <returns><see langword="null"/> if the deadline has passed.</returns>
    private async ValueTask<ReadResult?> ReadAsync()
    {
        var input = connection.Transport.Input;
        if (input.TryRead(out var result))
        {
            return result;
        }

        if (_deadline is null)
        {
            _deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping);
            _deadline.CancelAfter(timeout);
        }

        try
        {
            return await input.ReadAsync(_deadline.Token);
        }
        catch (OperationCanceledException exception) when (exception is not ConnectionAbortedException)
        {
            return _stopping.IsCancellationRequested ? throw new ConnectionAbortedException("The port was closed.") : null;
        }
    }
}
