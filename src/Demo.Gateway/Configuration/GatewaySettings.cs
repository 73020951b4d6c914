using Demo.Gateway.AccessLog;
using Demo.Gateway.Admin;
using Demo.Gateway.Lifecycle;
using Demo.Gateway.Metrics;
using Demo.Gateway.Privileges;
using Demo.Gateway.StaticFiles;
using Demo.Gateway.Upgrade;

namespace Demo.Gateway.Configuration;

/// <summary>The gateway's own settings, beside routes, endpoints and the transport.</summary>
/// <param name="Times">How a stop goes on.</param>
/// <param name="User">Whom it becomes; <see langword="null"/> to stay who it is.</param>
/// <param name="AccessLog"><see langword="null"/> for none.</param>
/// <param name="Otlp"><see langword="null"/> for no export.</param>
/// <param name="Admin"><see langword="null"/> for no admin endpoint.</param>
/// <param name="StaticFiles"><see langword="null"/> for no files.</param>
/// <param name="Upgrade"><see langword="null"/> for none.</param>
internal sealed record GatewaySettings(
    ShutdownTimes Times,
    UserAccount? User,
    AccessLogOptions? AccessLog,
    OtlpOptions? Otlp,
    AdminOptions? Admin,
    StaticFileSettings? StaticFiles,
    UpgradeOptions? Upgrade)
{
    /// <summary>What is returned beside mistakes is not to be used.</summary>
    public static GatewaySettings Read(IConfiguration configuration, List<string> mistakes)
    {
        var times = ShutdownTimes.Read(configuration, mistakes);
        return new GatewaySettings(
            times,
            PrivilegeDrop.Read(configuration, mistakes),
            AccessLogOptions.Read(configuration, mistakes),
            OtlpOptions.Read(configuration, mistakes),
            AdminOptions.Read(configuration, mistakes),
            StaticFileSettings.Read(configuration, mistakes),
            UpgradeOptions.Read(configuration, times, mistakes));
    }
}
