namespace Demo.Gateway.CommandLine;

/// <summary>What the gateway, Kestrel, YARP and the host read at the top of a configuration.</summary>
internal static class KnownSettings
{
    public static readonly IReadOnlyList<string> Sections =
        ["AccessLog", "Admin", "Demo", "HostBuilder", "HostOptions", "Kestrel", "LinuxTransport", "Logging", "ReverseProxy", "StaticFiles", "Telemetry", "Upgrade"];

    public static readonly IReadOnlyList<string> Names =
    [
        "AllowedHosts", "ApplicationName", "CaptureStartupErrors", "ContentRoot", "DetailedErrors", "Environment", "Http_Ports", "Https_Ports",
        "PreferHostingUrls", "ShutdownDelay", "ShutdownTimeout", "ShutdownTimeoutSeconds", "SuppressStatusMessages", "Urls", "User", "WebRoot",
    ];
}
