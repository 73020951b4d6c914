namespace Transport.Linux;

/// <summary>Which event loop gets a new connection of an IP endpoint.</summary>
public enum AcceptSteering
{
    /// <summary>The kernel spreads connections over the loops by a hash of addresses and ports (SO_REUSEPORT, socket(7)).</summary>
    None = 0,

    /// <summary>The loop that is pinned to the CPU which received the connection (SO_ATTACH_REUSEPORT_CBPF, socket(7)).</summary>
    Cpu = 1,
}
