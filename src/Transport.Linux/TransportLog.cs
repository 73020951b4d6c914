using System.Net;
using Microsoft.Extensions.Logging;

namespace Transport.Linux;

/// <summary>
/// What the transport logs, under the category <c>Transport.Linux</c>. Ids 4 to 19 are those of Kestrel's socket transport, for the tools
/// that look for them; ids from 100 on are ours.
/// </summary>
internal static partial class TransportLog
{
    [LoggerMessage(4, LogLevel.Debug, @"Connection id ""{ConnectionId}"" paused.", EventName = "ConnectionPause")]
    public static partial void ConnectionPause(ILogger logger, string connectionId);

    [LoggerMessage(5, LogLevel.Debug, @"Connection id ""{ConnectionId}"" resumed.", EventName = "ConnectionResume")]
    public static partial void ConnectionResume(ILogger logger, string connectionId);

    [LoggerMessage(6, LogLevel.Debug, @"Connection id ""{ConnectionId}"" received FIN.", EventName = "ConnectionReadFin")]
    public static partial void ConnectionReadFin(ILogger logger, string connectionId);

    [LoggerMessage(7, LogLevel.Debug, @"Connection id ""{ConnectionId}"" sending FIN because: ""{Reason}""", EventName = "ConnectionWriteFin")]
    public static partial void ConnectionWriteFin(ILogger logger, string connectionId, string reason);

    [LoggerMessage(8, LogLevel.Debug, @"Connection id ""{ConnectionId}"" sending RST because: ""{Reason}""", EventName = "ConnectionWriteRst")]
    public static partial void ConnectionWriteRst(ILogger logger, string connectionId, string reason);

    [LoggerMessage(14, LogLevel.Debug, @"Connection id ""{ConnectionId}"" communication error.", EventName = "ConnectionError")]
    public static partial void ConnectionError(ILogger logger, string connectionId, Exception exception);

    [LoggerMessage(19, LogLevel.Debug, @"Connection id ""{ConnectionId}"" reset.", EventName = "ConnectionReset")]
    public static partial void ConnectionReset(ILogger logger, string connectionId);

    [LoggerMessage(100, LogLevel.Information, "{Count} event loops started, {Placement}.", EventName = "LoopsStarted")]
    public static partial void LoopsStarted(ILogger logger, int count, string placement);

    [LoggerMessage(101, LogLevel.Warning, "Event loop {Loop} could not be pinned to CPU {Cpu}: {Reason}. It runs unpinned.", EventName = "PinFailed")]
    public static partial void PinFailed(ILogger logger, int loop, int cpu, string reason);

    [LoggerMessage(102, LogLevel.Error, "A handler on event loop {Loop} threw.", EventName = "HandlerFailed")]
    public static partial void HandlerFailed(ILogger logger, int loop, Exception exception);

    [LoggerMessage(103, LogLevel.Warning,
        "Accepting on {EndPoint} is paused: {Reason}. Clients wait in the accept queue; accepting is tried again ten times a second.",
        EventName = "AcceptPaused")]
    public static partial void AcceptPaused(ILogger logger, EndPoint endPoint, string reason);

    [LoggerMessage(104, LogLevel.Debug, @"Connection id ""{ConnectionId}"" detached with {Count} unread bytes.", EventName = "ConnectionDetached")]
    public static partial void ConnectionDetached(ILogger logger, string connectionId, int count);

    [LoggerMessage(105, LogLevel.Information,
        "This operating system is not Linux: Kestrel's own socket transport stays in place.", EventName = "NotLinux")]
    public static partial void NotLinux(ILogger logger);

    [LoggerMessage(106, LogLevel.Warning,
        "AcceptSteering is Cpu, but the event loops are not pinned: connections are spread by the CPU that received them and stay on no particular one. " +
        "Set CpuSet, or leave ThreadCount out.",
        EventName = "SteeringWithoutPinning")]
    public static partial void SteeringWithoutPinning(ILogger logger);

    [LoggerMessage(107, LogLevel.Information, "Buffers come from the event loop's own memory node ({Mode}), of {Count}: {Nodes}.", EventName = "NumaNodes")]
    public static partial void NumaNodes(ILogger logger, int count, string nodes, NumaMode mode);

    [LoggerMessage(108, LogLevel.Warning,
        "The kernel refused a memory policy: {Reason}. Buffers come from the node of the thread that first touches them.", EventName = "NodePolicyRefused")]
    public static partial void NodePolicyRefused(ILogger logger, string reason);

    [LoggerMessage(109, LogLevel.Critical,
        "Event loop {Loop} cannot go on, and its connections are served no more: {Reason} The application is being stopped.", EventName = "LoopFailed")]
    public static partial void LoopFailed(ILogger logger, int loop, string reason, Exception exception);

    [LoggerMessage(110, LogLevel.Debug,
        "Application code kept event loop {Loop}, which another thread has taken over. For {Seconds} s application code of this loop runs on the " +
        "thread pool.",
        EventName = "LoopRelieved")]
    public static partial void LoopRelieved(ILogger logger, int loop, int seconds);

    [LoggerMessage(111, LogLevel.Warning,
        "Application code keeps event loop {Loop}, and no thread could be started to take the loop over. Its connections wait.", EventName = "ReliefFailed")]
    public static partial void ReliefFailed(ILogger logger, int loop);

    [LoggerMessage(112, LogLevel.Warning, "Buffers come in ordinary pages, not in huge ones: {Reason}.", EventName = "NoHugePages")]
    public static partial void NoHugePages(ILogger logger, string reason);

    [LoggerMessage(113, LogLevel.Warning, @"Connection id ""{ConnectionId}"" was reset: {Path} became shorter while it was sent.", EventName = "FileEnded")]
    public static partial void FileEnded(ILogger logger, string connectionId, string path);

    [LoggerMessage(114, LogLevel.Warning, @"Connection id ""{ConnectionId}"" was reset: {Path} could not be read: {Reason}.", EventName = "FileFailed")]
    public static partial void FileFailed(ILogger logger, string connectionId, string path, string reason);

    [LoggerMessage(115, LogLevel.Debug,
        @"Connection id ""{ConnectionId}"" was reset: its peer has taken nothing for {Timeout}, with {Count} bytes on their way to it.", EventName = "SendTimedOut")]
    public static partial void SendTimedOut(ILogger logger, string connectionId, TimeSpan timeout, long count);
}
