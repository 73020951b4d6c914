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
        Check("SO_ATTACH_REUSEPORT_CBPF", SocketCalls.AttachReuseportProgram(listeners[0], ReuseportProgram.Build(cpus)), endPoint);
        for (var i = 0; i < listeners.Count; i++)
        {
            if (cpus[i] is { } cpu)
            {
                Check($"SO_INCOMING_CPU={cpu}",
                    SocketCalls.SetOption(listeners[i], SocketCalls.SOL_SOCKET, SocketCalls.SO_INCOMING_CPU, cpu), endPoint);
            }
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
