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
    /// respected. The loops are pinned to CPUs if there is exactly one for each allowed CPU.
    /// </remarks>
    public int? ThreadCount { get; set; }

    /// <summary>The length of each listening socket's accept queue. At least 1; the kernel cuts it to net.core.somaxconn (listen(2)).</summary>
    /// <remarks>Defaults to 512 connections. An IP endpoint has one such queue for each event loop.</remarks>
    public int Backlog { get; set; } = 512;

    /// <summary>Whether small writes leave at once instead of waiting for an acknowledgement (TCP_NODELAY, tcp(7)).</summary>
    /// <remarks>Defaults to <see langword="true"/>. Does not apply to Unix sockets.</remarks>
    public bool NoDelay { get; set; } = true;

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

    /// <summary>Whether a connection gets its first receive buffer only when it has something to receive.</summary>
    /// <remarks>Defaults to <see langword="true"/>, which keeps an idle connection small. With <see langword="false"/> the buffer is there
    /// from the start, and later buffers still come with the data.</remarks>
    public bool WaitForDataBeforeAllocatingBuffer { get; set; } = true;

    /// <summary>Whether application code runs on the event loop instead of the thread pool.</summary>
    /// <remarks>
    /// Defaults to <see langword="false"/>. With <see langword="true"/> a request costs less, but application code that blocks stops
    /// every connection of its loop: unsafe unless all of it is known not to.
    /// </remarks>
    public bool UnsafePreferInlineScheduling { get; set; }
}
