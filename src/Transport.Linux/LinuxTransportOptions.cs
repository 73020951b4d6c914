namespace Transport.Linux;

/// <summary>
/// Options of the transport. Bound from the configuration section <c>LinuxTransport</c> and checked when the application starts. Names
/// and defaults follow <see cref="Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets.SocketTransportOptions"/> where both have the thing.
/// </summary>
public sealed class LinuxTransportOptions
{
    /// <summary>The configuration section that the options bind from.</summary>
    public const string SectionName = "LinuxTransport";

    /// <summary>The number of event loops, each with a thread of its own. From 1 to 1,024.</summary>
    /// <remarks>
    /// Defaults to <see langword="null"/>: one for each CPU that the process may use, with its affinity mask and its cgroup's CPU quota
    /// respected; or one for each CPU of <see cref="CpuSet"/>. The loops are pinned to CPUs if there is exactly one for each allowed CPU, or if
    /// <see cref="CpuSet"/> is given. With fewer and no set they run wherever the kernel puts them: containers with a quota would otherwise all
    /// pick the same CPUs.
    /// </remarks>
    public int? ThreadCount { get; set; }

    /// <summary>
    /// The CPUs to pin the event loops to, as numbers and ranges: <c>0-3,8</c> (the list format of cpuset(7)). With fewer loops than CPUs, each
    /// physical core gets one before any gets a second. CPUs outside the process's affinity mask, and more loops than CPUs, are errors at start.
    /// </summary>
    /// <remarks>Defaults to <see langword="null"/>: see <see cref="ThreadCount"/>.</remarks>
    public string? CpuSet { get; set; }

    /// <summary>Which event loop gets a new connection of an IP endpoint.</summary>
    /// <remarks>
    /// Defaults to <see cref="AcceptSteering.None"/>. <see cref="AcceptSteering.Cpu"/> keeps a connection on the CPU that its packets arrive at,
    /// which helps where the network card spreads connections evenly over these CPUs (RSS) and the loops are pinned to them; a CPU without a
    /// loop of its own gives its connections to loop (CPU modulo loops). Where one CPU takes all interrupts, one loop would get all connections.
    /// </remarks>
    public AcceptSteering AcceptSteering { get; set; }

    /// <summary>Whether event loops are spread over the machine's memory nodes and take their buffers from their own (numa(7)).</summary>
    /// <remarks>
    /// Defaults to <see cref="NumaMode.Auto"/>, which changes nothing on a machine with one node. Applies to pinned loops. Buffers of a node are kept
    /// until the process ends. With <see cref="NumaMode.Bind"/> a kernel that refuses mbind(2) (containers need CAP_SYS_NICE) is an error at the first
    /// connection, and a node without memory left may get the process killed.
    /// </remarks>
    public NumaMode NumaMode { get; set; }

    /// <summary>
    /// Whether buffers come in huge pages of 2 MiB, which spare the CPU most of the page-table walks of many busy connections (madvise(2),
    /// MADV_HUGEPAGE; Documentation/admin-guide/mm/transhuge.rst of the kernel).
    /// </summary>
    /// <remarks>
    /// Defaults to <see langword="false"/>. With <see langword="true"/> the buffers come from node-local pools on a machine with one memory node too, in
    /// steps of 2 MiB for each event loop, and are kept until the process ends; so <see cref="NumaMode"/> must not be <see cref="NumaMode.Off"/>. No
    /// pages need to be reserved. Where the kernel has no huge pages to give, buffers come in ordinary pages, and the log says so once.
    /// </remarks>
    public bool HugePages { get; set; }

    /// <summary>The length of each listening socket's accept queue. At least 1; the kernel cuts it to net.core.somaxconn (listen(2)).</summary>
    /// <remarks>Defaults to 512 connections. An IP endpoint has one such queue for each event loop.</remarks>
    public int Backlog { get; set; } = 512;

    /// <summary>Whether small writes leave at once instead of waiting for an acknowledgement (TCP_NODELAY, tcp(7)).</summary>
    /// <remarks>Defaults to <see langword="true"/>. Does not apply to Unix sockets.</remarks>
    public bool NoDelay { get; set; } = true;

    /// <summary>
    /// How long a connection may be silent before the kernel asks the peer whether it is still there (SO_KEEPALIVE and TCP_KEEPIDLE, tcp(7)).
    /// From 1 to 32,767 seconds, rounded up to whole seconds.
    /// </summary>
    /// <remarks>
    /// Defaults to <see langword="null"/>: no probes. A peer that answers none of <see cref="KeepAliveCount"/> probes loses its connection,
    /// with ETIMEDOUT. This and every socket option below applies to IP endpoints only.
    /// </remarks>
    public TimeSpan? KeepAliveTime { get; set; }

    /// <summary>The time between two unanswered keep-alive probes (TCP_KEEPINTVL, tcp(7)). From 1 to 32,767 seconds, rounded up to whole seconds.
    /// Needs <see cref="KeepAliveTime"/>.</summary>
    /// <remarks>Defaults to <see langword="null"/>: net.ipv4.tcp_keepalive_intvl, 75 seconds unless changed.</remarks>
    public TimeSpan? KeepAliveInterval { get; set; }

    /// <summary>How many keep-alive probes go unanswered before the connection is given up (TCP_KEEPCNT, tcp(7)). From 1 to 127. Needs
    /// <see cref="KeepAliveTime"/>.</summary>
    /// <remarks>Defaults to <see langword="null"/>: net.ipv4.tcp_keepalive_probes, 9 unless changed.</remarks>
    public int? KeepAliveCount { get; set; }

    /// <summary>
    /// How long sent bytes may stay unacknowledged, or unsent because the peer's window is closed, before the kernel gives the connection up
    /// with ETIMEDOUT (TCP_USER_TIMEOUT, tcp(7); RFC 5482). From 1 millisecond to 24 days, rounded up to whole milliseconds.
    /// </summary>
    /// <remarks>Defaults to <see langword="null"/>: the kernel retransmits net.ipv4.tcp_retries2 times, some 15 minutes. With keep-alive on, it
    /// takes the place of <see cref="KeepAliveCount"/>.</remarks>
    public TimeSpan? UserTimeout { get; set; }

    /// <summary>
    /// Accepts a connection only when its first bytes have arrived, and for how long the kernel waits for them (TCP_DEFER_ACCEPT, tcp(7)). From
    /// 1 second to 1 hour; the kernel rounds up to a number of retransmissions of its SYN-ACK (1, 3, 7, 15, 31 … seconds).
    /// </summary>
    /// <remarks>Defaults to <see langword="null"/>: connections are accepted at once. A client that stays silent is accepted when the time is over
    /// and it still answers, so timeouts of the application begin only then. Not for protocols in which the server speaks first.</remarks>
    public TimeSpan? DeferAccept { get; set; }

    /// <summary>
    /// How many connections may wait whose SYN brought data and is not yet acknowledged (TCP_FASTOPEN, tcp(7); RFC 7413). From 1 on; past it,
    /// connections take the ordinary handshake. The kernel cuts it to net.core.somaxconn.
    /// </summary>
    /// <remarks>Defaults to <see langword="null"/>: off. Needs bit 2 in net.ipv4.tcp_fastopen; without it the option has no effect. A SYN may be
    /// delivered twice, so requests must be safe to repeat. An IP endpoint has one such queue for each event loop.</remarks>
    public int? FastOpen { get; set; }

    /// <summary>How long a receive may poll the network card's queue before it goes to sleep (SO_BUSY_POLL, socket(7)). From 1 microsecond to
    /// 1 second, rounded up to whole microseconds.</summary>
    /// <remarks>Defaults to <see langword="null"/>: net.core.busy_read. More than that needs CAP_NET_ADMIN. epoll polls only if net.core.busy_poll is
    /// set too. Costs CPU, and needs a driver that supports it.</remarks>
    public TimeSpan? BusyPoll { get; set; }

    /// <summary>The kernel's send buffer of a connection, in bytes (SO_SNDBUF, socket(7)). From 1 on; the kernel doubles the value for its
    /// book-keeping, cuts it to net.core.wmem_max and raises it to its minimum.</summary>
    /// <remarks>Defaults to <see langword="null"/>: the kernel sizes the buffer by itself, within net.ipv4.tcp_wmem. A value turns that off.</remarks>
    public int? SendBufferSize { get; set; }

    /// <summary>The kernel's receive buffer of a connection, in bytes (SO_RCVBUF, socket(7)). From 1 on; the kernel doubles the value for its
    /// book-keeping, cuts it to net.core.rmem_max and raises it to its minimum.</summary>
    /// <remarks>Defaults to <see langword="null"/>: the kernel sizes the buffer by itself, within net.ipv4.tcp_rmem. A value turns that off.</remarks>
    public int? ReceiveBufferSize { get; set; }

    /// <summary>
    /// A connection counts as writable only while fewer bytes than this wait unsent in the kernel (TCP_NOTSENT_LOWAT, tcp(7)). In bytes, from 1 on.
    /// </summary>
    /// <remarks>Defaults to <see langword="null"/>: net.ipv4.tcp_notsent_lowat, in effect unlimited. A small value keeps what is not sent yet in the
    /// application, where it can still be re-prioritised (HTTP/2), for more wake-ups.</remarks>
    public int? NotSentLowWatermark { get; set; }

    /// <summary>Whether a new connection acknowledges what it receives at once instead of waiting for a response to ride on (TCP_QUICKACK, tcp(7)).</summary>
    /// <remarks>Defaults to <see langword="false"/>. Not permanent: the kernel goes back to delayed acknowledgements when the connection behaves
    /// interactively. The only socket option that costs a system call for each connection.</remarks>
    public bool QuickAck { get; set; }

    /// <summary>Whether an endpoint may have an address that the machine does not have (yet) (IP_FREEBIND, ip(7)).</summary>
    /// <remarks>Defaults to <see langword="false"/>: such an address is an error at start. For addresses that fail over between machines. Does not
    /// apply to inherited descriptors, which are bound already.</remarks>
    public bool FreeBind { get; set; }

    /// <summary>Whether an endpoint takes connections to addresses that are not the machine's, as a transparent proxy does with TPROXY
    /// (IP_TRANSPARENT, ip(7)).</summary>
    /// <remarks>Defaults to <see langword="false"/>. Needs CAP_NET_ADMIN, without which the start fails. Does not apply to inherited
    /// descriptors, which are bound already.</remarks>
    public bool Transparent { get; set; }

    /// <summary>The mark of a connection's packets, for routing rules and packet filters (SO_MARK, socket(7)). Any 32-bit number.</summary>
    /// <remarks>Defaults to <see langword="null"/>: no mark. Needs CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17, without which the start fails.</remarks>
    public uint? Mark { get; set; }

    /// <summary>
    /// The type of service of a connection's packets: the DSCP times four (IP_TOS, ip(7), and IPV6_TCLASS, ipv6(7); RFC 2474). From 0 to 252, a
    /// multiple of 4; the two low bits belong to congestion control (RFC 3168).
    /// </summary>
    /// <remarks>Defaults to <see langword="null"/>: 0, best effort. The kernel may change it during the handshake if net.ipv4.tcp_reflect_tos is set.</remarks>
    public int? IpTos { get; set; }

    /// <summary>Whether an IPv6 endpoint refuses IPv4 connections (IPV6_V6ONLY, ipv6(7)).</summary>
    /// <remarks>Defaults to <see langword="null"/>: as Kestrel does it, the wildcard <c>[::]</c> takes both, any other address IPv6 only. Does not
    /// apply to inherited descriptors, which are bound already.</remarks>
    public bool? V6Only { get; set; }

    /// <summary>
    /// How many received bytes a connection may hold that the application has not consumed. Past it, nothing is read from the socket until
    /// half is consumed, and TCP slows the sender down. <see langword="null"/> or 0 is unlimited.
    /// </summary>
    /// <remarks>Defaults to 1 MiB. Unlimited lets a peer fill the process's memory if the application reads slowly.</remarks>
    public long? MaxReadBufferSize { get; set; } = 1024 * 1024;

    /// <summary>
    /// How many bytes written by the application may wait for the socket. Past it, writes wait until half is sent. <see langword="null"/> or 0
    /// is unlimited.
    /// </summary>
    /// <remarks>Defaults to 64 KiB. Unlimited lets a slow reader fill the process's memory.</remarks>
    public long? MaxWriteBufferSize { get; set; } = 64 * 1024;

    /// <summary>
    /// How long a connection may have bytes to send of which the peer takes none, before it is reset. From 1 second to 1 day;
    /// <see cref="TimeSpan.Zero"/> is unlimited.
    /// </summary>
    /// <remarks>
    /// Defaults to 1 minute, as NGINX's send_timeout does. Counted from the last byte that the peer has acknowledged, so that a slow reader is not cut
    /// off, and looked at four times in each such time: the reset comes up to a quarter of it later. It concerns what does not fit into the socket's send
    /// buffer; a peer that answers nothing at all is what <see cref="UserTimeout"/> is for. Costs nothing while the socket takes what is written.
    /// </remarks>
    public TimeSpan SendTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// From how many bytes on a write goes out without being copied into the kernel (MSG_ZEROCOPY and SO_ZEROCOPY,
    /// Documentation/networking/msg_zerocopy.rst of the kernel). In bytes, from 4,096 to 1 GiB.
    /// </summary>
    /// <remarks>
    /// Defaults to <see langword="null"/>: off. Below some 10 KiB pinning the pages and reading the completions costs more than the copy, so 32 KiB and
    /// more make sense. What is sent stays in the process's buffers until the peer has acknowledged it: up to the socket's send buffer for each
    /// connection, besides <see cref="MaxWriteBufferSize"/>, and counted against RLIMIT_MEMLOCK unless the process has CAP_IPC_LOCK. A
    /// connection goes back to ordinary sends for good when the kernel reports that it copied all the same, as it does on loopback and wherever the
    /// peer is on the same machine, or has no room (ENOBUFS). IP endpoints only; TLS encrypts into its own buffers, which go the same way.
    /// </remarks>
    public int? ZeroCopySendThreshold { get; set; }

    /// <summary>Whether a connection gets its first receive buffer only when it has something to receive.</summary>
    /// <remarks>Defaults to <see langword="true"/>, which keeps an idle connection small. With <see langword="false"/> the buffer is there
    /// from the start, and later buffers still come with the data.</remarks>
    public bool WaitForDataBeforeAllocatingBuffer { get; set; } = true;

    /// <summary>Where application code runs that received bytes have woken.</summary>
    /// <remarks>
    /// Defaults to <see cref="ApplicationScheduling.Adaptive"/>, which is safe for code of any kind: a loop does not wait for code that blocks. Code
    /// that needs a thread of the pool (<see cref="System.Threading.Thread.IsThreadPoolThread"/>) needs <see cref="ApplicationScheduling.ThreadPool"/>.
    /// </remarks>
    public ApplicationScheduling ApplicationScheduling { get; set; }

    /// <summary>Whether application code runs on the event loop right where bytes were received, whatever it does.</summary>
    /// <remarks>
    /// Defaults to <see langword="false"/>. With <see langword="true"/> a request costs a little less than with
    /// <see cref="ApplicationScheduling.Adaptive"/>, but application code that blocks stops every connection of its loop: unsafe unless all of it is
    /// known not to.
    /// </remarks>
    public bool UnsafePreferInlineScheduling { get; set; }

    /// <summary>How long the end of a connection waits for the peer to acknowledge what was sent without a copy, before it resets the connection. About
    /// as long as the kernel keeps a closed connection whose peer reads nothing (net.ipv4.tcp_orphan_retries).</summary>
    internal TimeSpan ZeroCopyLingerTimeout { get; set; } = TimeSpan.FromMinutes(1);
}
