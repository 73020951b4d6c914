using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Transport.Linux.Kestrel;

/// <summary>Says once, at start, that the transport is not in use.</summary>
internal sealed class NotLinuxNotice(ILoggerFactory loggerFactory) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        TransportLog.NotLinux(loggerFactory.CreateLogger("Transport.Linux"));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
