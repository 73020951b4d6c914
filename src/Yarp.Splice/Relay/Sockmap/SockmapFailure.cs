namespace Yarp.Splice.Relay.Sockmap;

/// <summary><c>enum failure</c> of bpf/verdict.bpf.c, and what user space finds out by itself.</summary>
internal enum SockmapFailure : uint
{
    None = 0,

    /// <summary>A segment overlapped what had come before, and the kernel had no memory to cut it.</summary>
    TrimFailed = 1,

    /// <summary>A segment never reached the verdict.</summary>
    Gap = 2,

    /// <summary>Far more was passed than a receive buffer holds, although payload was refused by then.</summary>
    Overfull = 3,

    /// <summary>The verdict saw more bytes than TCP received: something was relayed twice.</summary>
    Surplus = 100,
}
