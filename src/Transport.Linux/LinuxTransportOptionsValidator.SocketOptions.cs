namespace Transport.Linux;

/// <content>The ranges of the socket options: those of the man pages, where the kernel would answer EINVAL or silently take something else.</content>
internal sealed partial class LinuxTransportOptionsValidator
{
    // MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT of include/net/tcp.h.
    private const int MaxKeepAliveSeconds = 32_767;
    private const int MaxKeepAliveCount = 127;

    private static readonly TimeSpan s_maxUserTimeout = TimeSpan.FromDays(24);
    private static readonly TimeSpan s_maxDeferAccept = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_maxBusyPoll = TimeSpan.FromSeconds(1);

    private delegate void Checker(bool isValid, string option, object? value, string accepted);

    private static void ValidateSocketOptions(LinuxTransportOptions options, Checker check)
    {
        var maxKeepAlive = TimeSpan.FromSeconds(MaxKeepAliveSeconds);
        check(IsWithin(options.KeepAliveTime, TimeSpan.FromSeconds(1), maxKeepAlive), nameof(options.KeepAliveTime), options.KeepAliveTime,
            $"a time from 00:00:01 to {maxKeepAlive}, or nothing for no probes");
        check(IsWithin(options.KeepAliveInterval, TimeSpan.FromSeconds(1), maxKeepAlive), nameof(options.KeepAliveInterval),
            options.KeepAliveInterval, $"a time from 00:00:01 to {maxKeepAlive}");
        check(options.KeepAliveCount is null or (>= 1 and <= MaxKeepAliveCount), nameof(options.KeepAliveCount), options.KeepAliveCount,
            $"a number of probes from 1 to {MaxKeepAliveCount}");
        check(options.KeepAliveInterval is null || options.KeepAliveTime is not null, nameof(options.KeepAliveInterval),
            options.KeepAliveInterval, "a time only together with KeepAliveTime, which turns the probes on");
        check(options.KeepAliveCount is null || options.KeepAliveTime is not null, nameof(options.KeepAliveCount),
            options.KeepAliveCount, "a number only together with KeepAliveTime, which turns the probes on");
        check(IsWithin(options.UserTimeout, TimeSpan.FromMilliseconds(1), s_maxUserTimeout), nameof(options.UserTimeout), options.UserTimeout,
            $"a time from 00:00:00.001 to {s_maxUserTimeout}, or nothing for the kernel's retransmissions");
        check(IsWithin(options.DeferAccept, TimeSpan.FromSeconds(1), s_maxDeferAccept), nameof(options.DeferAccept), options.DeferAccept,
            $"a time from 00:00:01 to {s_maxDeferAccept}, or nothing to accept at once");
        check(options.FastOpen is null or >= 1, nameof(options.FastOpen), options.FastOpen, "a number of connections from 1 on, or nothing for off");
        check(IsWithin(options.BusyPoll, TimeSpan.FromMicroseconds(1), s_maxBusyPoll), nameof(options.BusyPoll), options.BusyPoll,
            $"a time from 00:00:00.000001 to {s_maxBusyPoll}");
        check(options.SendBufferSize is null or >= 1, nameof(options.SendBufferSize), options.SendBufferSize,
            "a number of bytes from 1 on, or nothing for the kernel's own sizing");
        check(options.ReceiveBufferSize is null or >= 1, nameof(options.ReceiveBufferSize), options.ReceiveBufferSize,
            "a number of bytes from 1 on, or nothing for the kernel's own sizing");
        check(options.NotSentLowWatermark is null or >= 1, nameof(options.NotSentLowWatermark), options.NotSentLowWatermark,
            "a number of bytes from 1 on");
        check(options.IpTos is null || (options.IpTos is >= 0 and <= 252 && options.IpTos % 4 == 0), nameof(options.IpTos), options.IpTos,
            "a multiple of 4 from 0 to 252, which is the DSCP times four");
    }

    private static bool IsWithin(TimeSpan? time, TimeSpan least, TimeSpan most) => time is null || (time >= least && time <= most);
}
