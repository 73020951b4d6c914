namespace Demo.Gateway.Configuration;

/// <summary>What the gateway itself logs, under the category <c>Demo.Gateway</c>.</summary>
internal static partial class GatewayLog
{
    public const string Category = "Demo.Gateway";

    [LoggerMessage(1, LogLevel.Information, "{File} was read again.", EventName = "FileReloaded")]
    public static partial void FileReloaded(ILogger logger, string file);

    [LoggerMessage(2, LogLevel.Error, "The configuration that is running stays: {Reason}", EventName = "ReloadRefused")]
    public static partial void ReloadRefused(ILogger logger, string reason);

    [LoggerMessage(3, LogLevel.Information, "No HTTP endpoint is configured: serving HTTP on {Url}.", EventName = "DefaultEndpoint")]
    public static partial void DefaultEndpoint(ILogger logger, string url);

    [LoggerMessage(4, LogLevel.Information, "No HTTP route and no HTTP endpoint is configured: only TCP routes are served.", EventName = "NoHttp")]
    public static partial void NoHttp(ILogger logger);
}
