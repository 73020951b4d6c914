using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Demo.Gateway.Metrics;

/// <summary>Sends every meter's metrics to an OpenTelemetry collector, while the application runs.</summary>
internal sealed class OtlpExport(OtlpOptions options) : IHostedService, IDisposable
{
    private MeterProvider? _provider;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _provider = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(static resource => resource.AddService("demo-gateway").AddEnvironmentVariableDetector())
            .AddMeter("*")
            .AddOtlpExporter(otlp =>
            {
                if (options.Endpoint is not null)
                {
                    otlp.Endpoint = options.Endpoint;
                }
            })
            .Build();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends the last state: sessions have ended by now.</summary>
    public void Dispose() => _provider?.Dispose();
}
