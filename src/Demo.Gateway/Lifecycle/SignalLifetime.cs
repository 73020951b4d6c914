using System.Runtime.InteropServices;
using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;
using Microsoft.Extensions.Options;

namespace Demo.Gateway.Lifecycle;

/// <summary>
/// What signals do. The first SIGTERM, SIGINT (Ctrl-C) or SIGQUIT makes the gateway unready and, <see cref="ShutdownTimes.Delay"/> later, stops it; the
/// second ends it at once; a third is left to the system.
/// </summary>
internal sealed class SignalLifetime(
    GatewayLifecycle lifecycle, ShutdownTimes times, IHostApplicationLifetime application, IOptions<HostOptions> host, ILoggerFactory loggerFactory)
    : IHostLifetime, IDisposable
{
    /// <summary>Resetting what is open takes milliseconds; what still runs after this does not react to being told.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly ILogger _logger = loggerFactory.CreateLogger(GatewayLog.Category);
    private readonly CancellationTokenSource _endAtOnce = new();
    private readonly List<IDisposable> _registrations = [];
    private readonly Lock _lock = new();
    private Timer? _next;
    private int _signals;
    private bool _isDisposed;

    /// <summary>Fires with the second signal: nothing is waited for any more.</summary>
    public CancellationToken EndAtOnce => _endAtOnce.Token;

    /// <summary>Zero, or what a second signal made of it.</summary>
    public int ExitCode { get; private set; } = ExitCodes.Success;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        _registrations.Add(application.ApplicationStarted.Register(() =>
        {
            lifecycle.Reach(GatewayState.Ready);
            GatewayLog.Started(_logger);
        }));
        _registrations.Add(application.ApplicationStopping.Register(() =>
        {
            lifecycle.Reach(GatewayState.Draining);
            GatewayLog.Stopping(_logger, host.Value.ShutdownTimeout);
        }));
        foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT })
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _registrations.ForEach(static registration => registration.Dispose());
        lock (_lock)
        {
            _isDisposed = true;
            _next?.Dispose();
            _endAtOnce.Dispose();
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            switch (++_signals)
            {
                case 1:
                    context.Cancel = true;
                    BeginStop();
                    break;
                case 2:
                    context.Cancel = true;
                    End(context.Signal);
                    break;
            }
        }
    }

    private void BeginStop()
    {
        // Nobody has been sent here yet if it has not started.
        var delay = lifecycle.State == GatewayState.Ready ? times.Delay : TimeSpan.Zero;
        lifecycle.Reach(GatewayState.Draining);
        if (delay > TimeSpan.Zero)
        {
            GatewayLog.Unready(_logger, delay);
        }

        Schedule(application.StopApplication, delay);
    }

    private void End(PosixSignal signal)
    {
        ExitCode = ExitCodes.EndedBy(signal);
        GatewayLog.EndedAtOnce(_logger, signal);
        Schedule(() => Environment.Exit(ExitCode), s_patience);
        _endAtOnce.Cancel();
        application.StopApplication();
    }

    /// <summary>Does it later, in place of what was to be done before.</summary>
    private void Schedule(Action action, TimeSpan delay)
    {
        _next?.Dispose();
        _next = new Timer(_ => action(), null, delay, Timeout.InfiniteTimeSpan);
    }
}
