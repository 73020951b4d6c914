using System.Diagnostics;
using Demo.Gateway.Admin;
using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;
using Demo.Gateway.Lifecycle;
using Demo.Gateway.Privileges;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Transport.Linux.Interop;

namespace Demo.Gateway.Upgrade;

/// <summary>
/// Hands the listening sockets of this instance to the next one that asks, and when that one serves, ends this one: nothing new is accepted, and what is
/// in flight goes on. Until the next one says that it serves, nothing has happened.
/// </summary>
internal sealed class UpgradeServer(
    UpgradeOptions options,
    EventLoopGroup loops,
    GatewayLifecycle lifecycle,
    UpgradeState state,
    IHostApplicationLifetime application,
    IOptions<HostOptions> host,
    ILoggerFactory loggerFactory,
    AdminServer? admin = null) : IDisposable
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(GatewayLog.Category);
    private readonly CancellationTokenSource _handedOver = new();
    private readonly SuccessorProcess _successor = new(loggerFactory);
    private UpgradeSocket? _socket;
    private UpgradeChannel? _next;
    private int _isBusy;

    /// <summary>Fires when another instance has taken over.</summary>
    public CancellationToken HandedOver => _handedOver.Token;

    /// <summary>Waits for the next instance from now on.</summary>
    public void Start()
    {
        try
        {
            _socket = UpgradeSocket.Open(options.Socket);
        }
        catch (MachineRefusalException exception) when (state.HasTakenOver)
        {
            // The one before has let go: it must go on without a next one.
            GatewayLog.TakeOverIncomplete(_logger, exception.Message);
            return;
        }

        _successor.Listen();
        _ = AcceptAsync(_socket);
    }

    public void Dispose()
    {
        _successor.Dispose();
        if (state.HasHandedOver)
        {
            _socket?.Dispose();
        }
        else
        {
            _socket?.Remove();
        }

        _next?.Dispose();
        _handedOver.Dispose();
    }

    private async Task AcceptAsync(UpgradeSocket socket)
    {
        try
        {
            while (!state.HasHandedOver)
            {
                _ = ServeAsync(await socket.AcceptAsync(application.ApplicationStopping));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // The end of this instance.
        }
    }

    private async Task ServeAsync(UpgradeChannel channel)
    {
        var isServed = false;
        try
        {
            // Heard before anything is said: what was unread when the connection is closed would take the answer with it.
            var obstacle = FindObstacle(channel.Peer.UserId, await ReceiveGreetingAsync(channel));
            isServed = obstacle is null && Interlocked.Exchange(ref _isBusy, 1) == 0;
            if (!isServed)
            {
                var reason = obstacle ?? "another new instance is taking over already; wait for it, or stop it.";
                GatewayLog.HandoverRefused(_logger, channel.Peer.ProcessId, channel.Peer.UserId, reason);
                channel.Send(new UpgradeMessage { Kind = UpgradeMessage.Refused, Reason = reason });
                return;
            }

            SendListeners(channel);
            if (await channel.ReceiveAsync(application.ApplicationStopping) is { Kind: UpgradeMessage.Ready } ready)
            {
                await HandOverAsync(channel, ready);
                return;
            }

            GatewayLog.HandoverAbandoned(_logger, channel.Peer.ProcessId, "it ended before it served.");
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            GatewayLog.HandoverAbandoned(_logger, channel.Peer.ProcessId, SingleLine.Of(exception.Message));
        }
        finally
        {
            if (isServed)
            {
                Volatile.Write(ref _isBusy, 0);
            }

            if (channel != _next)
            {
                channel.Dispose();
            }
        }
    }

    private async Task<UpgradeMessage?> ReceiveGreetingAsync(UpgradeChannel channel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(application.ApplicationStopping);
        patience.CancelAfter(UpgradeTimes.Patience);
        return await channel.ReceiveAsync(patience.Token);
    }

    private string? FindObstacle(uint user, UpgradeMessage? greeting)
    {
        if (user != 0 && user != UserCalls.geteuid())
        {
            return $"it belongs to user {UserCalls.geteuid()}, and user {user} asks; accepted are the same user and root.";
        }

        return greeting switch
        {
            { Kind: UpgradeMessage.Hello, Protocol: not UpgradeMessage.CurrentProtocol and var protocol } =>
                $"it speaks version {UpgradeMessage.CurrentProtocol} of the upgrade protocol and the new one version {protocol}; stop it, and start the new one then.",
            not { Kind: UpgradeMessage.Hello } => "it was not greeted as the upgrade protocol has it.",
            _ when lifecycle.State != GatewayState.Ready => "it is stopping, or starting; start the new one when it has ended, or serves.",
            _ => null,
        };
    }

    private void SendListeners(UpgradeChannel channel)
    {
        foreach (var listener in loops.Listeners)
        {
            var sockets = listener.DuplicateSockets();
            try
            {
                foreach (var some in sockets.Chunk(DescriptorMessages.MaxDescriptors))
                {
                    channel.Send(new UpgradeMessage { Kind = UpgradeMessage.Listener, Address = listener.EndPoint.ToString() }, some);
                }
            }
            finally
            {
                foreach (var socket in sockets)
                {
                    socket.Dispose();
                }
            }
        }

        channel.Send(new UpgradeMessage { Kind = UpgradeMessage.End, Protocol = UpgradeMessage.CurrentProtocol, Admin = admin?.Address });
    }

    private async Task HandOverAsync(UpgradeChannel channel, UpgradeMessage ready)
    {
        var startedAt = Stopwatch.GetTimestamp();
        // Kept open: the next instance sees by it when this one has ended.
        _next = channel;
        state.HandedOver(channel.Peer.ProcessId);
        await _handedOver.CancelAsync();
        var taken = (ready.Taken ?? []).ToHashSet(StringComparer.Ordinal);
        await loops.HandOverAsync(endPoint => taken.Contains(endPoint.ToString()!));
        if (admin is not null && admin.Address == ready.Admin)
        {
            // First: whoever asks at this address asks for the service, which is ready all the time.
            using var probes = new CancellationTokenSource(UpgradeTimes.Probe);
            await admin.CloseAsync(probes.Token);
        }

        lifecycle.Reach(GatewayState.Draining);
        GatewayLog.HandedOver(_logger, channel.Peer.ProcessId, taken.Count, options.DrainTimeout);
        ServiceManager.Notify($"MAINPID={channel.Peer.ProcessId}");
        try
        {
            channel.Send(new UpgradeMessage { Kind = UpgradeMessage.Released });
        }
        catch (IOException)
        {
            // It has ended with all that it took, and there is no way back.
        }

        await WaitForSilenceAsync(startedAt);
        if (!application.ApplicationStopping.IsCancellationRequested)
        {
            var left = options.DrainTimeout - Stopwatch.GetElapsedTime(startedAt);
            host.Value.ShutdownTimeout = left > TimeSpan.Zero ? left : TimeSpan.Zero;
            application.StopApplication();
        }
    }

    /// <summary>
    /// Kestrel closes idle connections when it stops, whether or not a request is on its way to them. So it is stopped when each connection that is in use
    /// has had an answer that closes it, and the others have been silent.
    /// </summary>
    private async Task WaitForSilenceAsync(long startedAt)
    {
        var last = loops.Activity;
        var silentSince = startedAt;
        while (last.Open > 0 && Stopwatch.GetElapsedTime(silentSince) < UpgradeTimes.Silence && Stopwatch.GetElapsedTime(startedAt) < options.DrainTimeout
            && !application.ApplicationStopping.IsCancellationRequested)
        {
            await Task.Delay(UpgradeTimes.Look);
            var now = loops.Activity;
            silentSince = now.Bytes == last.Bytes ? silentSince : Stopwatch.GetTimestamp();
            last = now;
        }
    }
}
