using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Transport.Linux.Interop;

namespace Yarp.Splice.Relay.Managed;

/// <content>The end by <c>Splice:MaxLifetime</c>: neither side is read any more, what has been read is sent, then FIN.</content>
internal sealed partial class ManagedSession
{
    private static readonly TimeSpan s_deliveryPoll = TimeSpan.FromMilliseconds(20);

    private TimeSpan LifetimeLeft => _lifetimeEndMs == long.MaxValue
        ? TimeSpan.MaxValue
        : TimeSpan.FromMilliseconds(Math.Max(_lifetimeEndMs - Environment.TickCount64, 0));

    private bool IsRetired => _isRetiring && !_aborted.IsCancellationRequested;

    private void BeginLifetime()
    {
        if (_route.Limits.MaxLifetime is { } maxLifetime)
        {
            _lifetimeEndMs = Environment.TickCount64 + (long)Lifetime.Pick(maxLifetime).TotalMilliseconds;
        }
    }

    private void Retire()
    {
        _isRetiring = true;
        ArmWatch(_route.HalfCloseTimeout);
        try
        {
            _reading.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The session has ended by itself in the meantime.
        }
    }

    /// <returns><see langword="null"/> if the lifetime is over.</returns>
    private async ValueTask<(ReadOnlySequence<byte> Bytes, bool IsEnd)?> ReadFromClientAsync(PipeReader input)
    {
        try
        {
            var allowance = _rateToUpstream is null ? long.MaxValue : await AwaitAllowanceAsync(_rateToUpstream);
            var result = await input.ReadAsync(_reading.Token);
            var isWhole = result.Buffer.Length <= allowance;
            var bytes = isWhole ? result.Buffer : result.Buffer.Slice(0, allowance);
            _rateToUpstream?.Take(bytes.Length);
            return (bytes, isWhole && result.IsCompleted);
        }
        catch (OperationCanceledException) when (IsRetired)
        {
            return null;
        }
    }

    private void FinishUpstream()
    {
        try
        {
            _upstream!.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            Abort(RelayOutcome.UpstreamReset);
        }
    }

    /// <summary>
    /// Closing a socket with unread bytes resets it, which throws away what has not arrived yet. Only Linux tells when it has; elsewhere a peer
    /// that goes on sending may lose the end.
    /// </summary>
    private async Task AwaitDeliveryAsync()
    {
        while (OperatingSystem.IsLinux() && !_aborted.IsCancellationRequested && (IsUndelivered(_upstream) || IsUndelivered(_clientSocket)))
        {
            await Task.Delay(s_deliveryPoll);
        }
    }

    private static bool IsUndelivered(Socket? socket) =>
        socket is { SafeHandle.IsClosed: false } && SocketCalls.UnacknowledgedBytes((int)socket.Handle) > 0;
}
