using System.Runtime.InteropServices;

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

    [LoggerMessage(5, LogLevel.Information, "Runs as user {User} from here on (user {UserId}, group {GroupId}), without any capability.", EventName = "UserChanged")]
    public static partial void UserChanged(ILogger logger, string user, uint userId, uint groupId);

    [LoggerMessage(170, LogLevel.Information, "Application started: all ports are open. Ctrl-C stops it.", EventName = "Started")]
    public static partial void Started(ILogger logger);

    [LoggerMessage(171, LogLevel.Information,
        "Not ready any more: load balancers have {Delay} to notice (ShutdownDelay). Until then everything is served as before.", EventName = "Unready")]
    public static partial void Unready(ILogger logger, TimeSpan delay);

    [LoggerMessage(172, LogLevel.Information,
        "Application is shutting down: nothing new is accepted, and what is in flight has {Timeout} (ShutdownTimeout).", EventName = "Stopping")]
    public static partial void Stopping(ILogger logger, TimeSpan timeout);

    [LoggerMessage(173, LogLevel.Warning, "A second signal, {Signal}, ends the gateway at once.", EventName = "EndedAtOnce")]
    public static partial void EndedAtOnce(ILogger logger, PosixSignal signal);

    [LoggerMessage(30, LogLevel.Information, "The access log {File} was opened anew.", EventName = "AccessLogReopened")]
    public static partial void AccessLogReopened(ILogger logger, string file);

    [LoggerMessage(31, LogLevel.Error, "The access log {File} cannot be written: {Reason}", EventName = "AccessLogFailed")]
    public static partial void AccessLogFailed(ILogger logger, string file, string reason);

    [LoggerMessage(32, LogLevel.Warning, "{Count} lines of the access log were dropped: they came faster than they could be written.",
        EventName = "AccessLogDropped")]
    public static partial void AccessLogDropped(ILogger logger, long count);

    [LoggerMessage(33, LogLevel.Information, "Admin endpoint and dashboard on {Url}; actions are {Actions}.", EventName = "AdminListens")]
    public static partial void AdminListens(ILogger logger, string url, string actions);

    [LoggerMessage(34, LogLevel.Error, "The admin endpoint failed to answer {Path}.", EventName = "AdminFailed")]
    public static partial void AdminFailed(ILogger logger, string path, Exception exception);
}
