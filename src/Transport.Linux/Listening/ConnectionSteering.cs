using System.Net;
using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>Makes the kernel hand each new connection to the event loop of the CPU that received it.</summary>
internal static class ConnectionSteering
{
    /// <summary>
    /// To be called when all sockets listen: their order in the group, which the program's indexes mean, is that of listen(2). A connection of the
    /// moment before is spread by hash.
    /// </summary>
    public static void Attach(IReadOnlyList<int> listeners, IReadOnlyList<int?> cpus, EndPoint endPoint)
    {
        Check("SO_ATTACH_REUSEPORT_CBPF", SocketCalls.AttachReuseportProgram(listeners[0], ReuseportProgram.Build(cpus, listeners.Count)), endPoint);
        for (var i = 0; i < Math.Min(listeners.Count, cpus.Count); i++)
        {
            if (cpus[i] is { } cpu)
            {
                Check($"SO_INCOMING_CPU={cpu}",
                    SocketCalls.SetOption(listeners[i], SocketCalls.SOL_SOCKET, SocketCalls.SO_INCOMING_CPU, cpu), endPoint);
            }
        }
    }

    /// <summary>Makes a group of sockets that another process has set up steer as this one wants it.</summary>
    public static void Change(AcceptSteering steering, IReadOnlyList<int> listeners, IReadOnlyList<int?> cpus, EndPoint endPoint)
    {
        if (steering == AcceptSteering.Cpu)
        {
            Attach(listeners, cpus, endPoint);
            return;
        }

        // ENOENT where there was no program; and -1 is what a socket has before anybody names a CPU.
        _ = SocketCalls.SetOption(listeners[0], SocketCalls.SOL_SOCKET, SocketCalls.SO_DETACH_REUSEPORT_BPF, 0);
        foreach (var listener in listeners)
        {
            _ = SocketCalls.SetOption(listener, SocketCalls.SOL_SOCKET, SocketCalls.SO_INCOMING_CPU, -1);
        }
    }

    private static void Check(string option, int result, EndPoint endPoint)
    {
        if (result < 0)
        {
            throw Errno.ToException(
                $"{LinuxTransportOptions.SectionName}:{nameof(LinuxTransportOptions.AcceptSteering)}={AcceptSteering.Cpu}: setsockopt({option})",
                ListeningSocket.Describe(endPoint),
                -result);
        }
    }
}
