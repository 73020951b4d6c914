using System.Runtime.InteropServices;
using Yarp.ReverseProxy.Forwarder;

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

    [LoggerMessage(70, LogLevel.Information, "Takes over from process {ProcessId}, which goes on until this one serves: {Count} listeners.", EventName = "TakingOver")]
    public static partial void TakingOver(ILogger logger, int processId, int count);

    [LoggerMessage(71, LogLevel.Information,
        "Took over {Count} listeners of process {ProcessId}; {Left} that are not configured here are closed by it.", EventName = "TookOver")]
    public static partial void TookOver(ILogger logger, int processId, int count, int left);

    [LoggerMessage(72, LogLevel.Warning,
        "Process {ProcessId} has not said that it accepts nothing more. If it still runs, both serve: stop it.", EventName = "NotRelieved")]
    public static partial void NotRelieved(ILogger logger, int processId);

    [LoggerMessage(73, LogLevel.Information, "Process {ProcessId}, which this one took over from, has ended.", EventName = "PredecessorEnded")]
    public static partial void PredecessorEnded(ILogger logger, int processId);

    [LoggerMessage(74, LogLevel.Information,
        "Process {ProcessId} has taken over {Count} listeners: nothing new is accepted here, and what is in flight has {Timeout} (Upgrade:DrainTimeout).",
        EventName = "HandedOver")]
    public static partial void HandedOver(ILogger logger, int processId, int count, TimeSpan timeout);

    [LoggerMessage(75, LogLevel.Warning, "Process {ProcessId} of user {UserId} does not get the listeners: {Reason}", EventName = "HandoverRefused")]
    public static partial void HandoverRefused(ILogger logger, int processId, uint userId, string reason);

    [LoggerMessage(76, LogLevel.Warning, "Process {ProcessId} did not take over, this one goes on as before: {Reason}", EventName = "HandoverAbandoned")]
    public static partial void HandoverAbandoned(ILogger logger, int processId, string reason);

    [LoggerMessage(77, LogLevel.Error, "Serves, but not as configured: {Reason}", EventName = "TakeOverIncomplete")]
    public static partial void TakeOverIncomplete(ILogger logger, string reason);

    [LoggerMessage(78, LogLevel.Information, "SIGUSR2: process {ProcessId} is started, to take over.", EventName = "SuccessorStarted")]
    public static partial void SuccessorStarted(ILogger logger, int processId);

    [LoggerMessage(79, LogLevel.Error, "SIGUSR2: the new instance is not to be had, this one goes on: {Reason}", EventName = "SuccessorFailed")]
    public static partial void SuccessorFailed(ILogger logger, string reason);

    [LoggerMessage(80, LogLevel.Warning,
        "Route {Route}: a request was not forwarded ({Error}, destination {Destination}): {Reason} {Unsaid} more since the last such message.",
        EventName = "ForwardingFailed")]
    public static partial void ForwardingFailed(ILogger logger, string route, ForwarderError error, string? destination, string reason, int unsaid);

    [LoggerMessage(170, LogLevel.Information, "Application started: all ports are open. Ctrl-C stops it.", EventName = "Started")]
    public static partial void Started(ILogger logger);

    [LoggerMessage(171, LogLevel.Information,
        "Not ready any more: load balancers have {Delay} to notice (ShutdownDelay). Until then everything is served as before.", EventName = "Unready")]
    public static partial void Unready(ILogger logger, TimeSpan delay);

    [LoggerMessage(172, LogLevel.Information,
        "Application is shutting down: nothing new is accepted, and what is in flight has {Timeout} (ShutdownTimeout, or what is left of Upgrade:DrainTimeout).", EventName = "Stopping")]
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
