using Microsoft.Extensions.Logging;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice;

/// <content>The relay's messages: ids from 100 on.</content>
internal static partial class SpliceLog
{
    [LoggerMessage(100, LogLevel.Debug, "Route {Route}: session connected to {Destination}, path {Path}.", EventName = "SessionConnected")]
    public static partial void SessionConnected(ILogger logger, string route, string destination, string path);

    [LoggerMessage(101, LogLevel.Debug,
        "Route {Route}: session ended, {Outcome}; {BytesToUpstream} bytes to the destination, {BytesToClient} to the client, {DurationMs} ms.",
        EventName = "SessionEnded")]
    public static partial void SessionEnded(
        ILogger logger, string route, string outcome, long bytesToUpstream, long bytesToClient, long durationMs);

    [LoggerMessage(102, LogLevel.Debug, "Route {Route}: cannot connect to {Destination}: {Reason}.", EventName = "ConnectFailed")]
    public static partial void ConnectFailed(ILogger logger, string route, string destination, string reason);

    [LoggerMessage(103, LogLevel.Warning,
        "Route {Route}: a client was turned away after {Attempts} attempts to connect; the last failure was {Reason}. " +
        "{Unsaid} more since the last such message.",
        EventName = "GaveUp")]
    public static partial void GaveUp(ILogger logger, string route, int attempts, string reason, int unsaid);

    [LoggerMessage(104, LogLevel.Warning, "Route {Route}: mode {Requested} runs as {Effective}: {Reason}.", EventName = "FellBack")]
    public static partial void FellBack(ILogger logger, string route, SpliceMode requested, SpliceMode effective, string reason);

    [LoggerMessage(106, LogLevel.Information, "Mode Sockmap runs in its {Form} form: {Reason}.", EventName = "SockmapLoaded")]
    public static partial void SockmapLoaded(ILogger logger, SockmapForm form, string reason);

    [LoggerMessage(107, LogLevel.Error,
        "Route {Route}: a session was reset because the kernel did not relay its bytes exactly once ({Failure}). " +
        "{Unsaid} more since the last such message.",
        EventName = "Damaged")]
    public static partial void Damaged(ILogger logger, string route, SockmapFailure failure, int unsaid);

    [LoggerMessage(120, LogLevel.Warning,
        "Route {Route}: interactive sessions will notice pauses in spite of Splice:PauseImmune: {Reason}.", EventName = "NotImmune")]
    public static partial void NotImmune(ILogger logger, string route, string reason);

    [LoggerMessage(105, LogLevel.Warning,
        "Route {Route}: a connection was turned away: {Reason}. {Unsaid} more since the last such message.",
        EventName = "LimitReached")]
    public static partial void LimitReached(ILogger logger, string route, string reason, int unsaid);
}
