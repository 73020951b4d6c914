namespace Transport.Linux;

/// <summary>What epoll reports about a descriptor, and what a handler can ask for. Values are those of epoll_ctl(2).</summary>
[Flags]
public enum Readiness
{
    /// <summary>Nothing; errors and hang-ups are reported all the same.</summary>
    None = 0,

    /// <summary>EPOLLIN: a read would return bytes or the end of the stream.</summary>
    Readable = 0x001,

    /// <summary>EPOLLPRI: urgent data is on its way, which a read stops short of (tcp(7)).</summary>
    Urgent = 0x002,

    /// <summary>EPOLLOUT: a write would take at least one byte.</summary>
    Writable = 0x004,

    /// <summary>EPOLLERR: an error is pending (a reset, usually). Always reported.</summary>
    Error = 0x008,

    /// <summary>EPOLLHUP: both directions are shut. Always reported.</summary>
    HangUp = 0x010,

    /// <summary>EPOLLRDHUP: the peer shut its writing side (FIN).</summary>
    ReadHangUp = 0x2000,
}
