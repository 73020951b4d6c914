using Demo.Gateway.Admin;
using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;
using Transport.Linux;

namespace Demo.Gateway.Upgrade;

/// <summary>
/// The start of an instance where another one may run. It gets that one's listening sockets before its own ports are opened, and accepts from them when all
/// are, so that a start that fails is noticed by nobody. Then the other one lets go, and this one waits for the next.
/// </summary>
internal sealed class TakeOver(
    UpgradeOptions options, EventLoopGroup loops, UpgradeServer server, UpgradeState state, ILoggerFactory loggerFactory, AdminServer? admin = null)
    : IHostedLifecycleService, IDisposable
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(GatewayLog.Category);
    private readonly CancellationTokenSource _disposed = new();
    private RunningInstance? _running;
    private int _offered;

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        _running = RunningInstance.Connect(options.Socket);
        if (_running is null)
        {
            return Task.CompletedTask;
        }

        foreach (var sockets in _running.ReceiveListeners())
        {
            try
            {
                loops.Inherit(sockets);
                _offered++;
            }
            catch (ArgumentException exception)
            {
                throw new MachineRefusalException(
                    $"{UpgradeOptions.SocketKey}: the running gateway (process {_running.ProcessId}) handed over what cannot be used: {exception.Message}", exception);
            }
        }

        GatewayLog.TakingOver(_logger, _running.ProcessId, _offered);
        if (_running.Admin is { } address && address == admin?.Address)
        {
            admin.HoldBack();
        }

        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        if (_running is not null)
        {
            var taken = loops.AcceptInherited();
            if (!_running.TryRelieve([.. taken.Select(static endPoint => endPoint.ToString()!)], admin?.Address))
            {
                GatewayLog.NotRelieved(_logger, _running.ProcessId);
            }

            state.TookOver(_running.ProcessId);
            GatewayLog.TookOver(_logger, _running.ProcessId, taken.Count, _offered - taken.Count);
            _ = FollowAsync(_running);
            await OpenAdminAsync(cancellationToken);
        }

        server.Start();
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _disposed.Cancel();
        _disposed.Dispose();
        _running?.Dispose();
    }

    private async Task OpenAdminAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (admin is { IsHeldBack: true })
            {
                await admin.OpenAsync(cancellationToken);
            }
        }
        catch (MachineRefusalException exception)
        {
            // There is no way back: traffic is more than its observation.
            GatewayLog.TakeOverIncomplete(_logger, exception.Message);
        }
    }

    private async Task FollowAsync(RunningInstance running)
    {
        try
        {
            await running.WaitForEndAsync(_disposed.Token);
            state.PredecessorEnded();
            GatewayLog.PredecessorEnded(_logger, running.ProcessId);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or IOException)
        {
            // This one ends first.
        }
    }
}
