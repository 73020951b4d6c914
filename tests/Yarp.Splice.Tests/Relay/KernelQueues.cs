using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What waits in the kernel's queues of a socket that the test has no descriptor of: /proc/net/tcp (proc(5)).</summary>
internal static class KernelQueues
{
    /// <summary>Bytes sent but not acknowledged, and received but not read, of the IPv4 socket at the other end of this one.</summary>
    public static (long Sending, long Receiving) OfPeer(Socket socket)
    {
        var local = ((IPEndPoint)socket.RemoteEndPoint!).Port;
        var remote = ((IPEndPoint)socket.LocalEndPoint!).Port;
        foreach (var line in File.ReadLines("/proc/net/tcp").Skip(1))
        {
            // sl local_address rem_address st tx_queue:rx_queue ...
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (Hex(fields[1].Split(':')[1]) == local && Hex(fields[2].Split(':')[1]) == remote)
            {
                var queues = fields[4].Split(':');
                return (Hex(queues[0]), Hex(queues[1]));
            }
        }

        throw new InvalidOperationException($"no socket from port {local} to port {remote}");
    }

    private static long Hex(string digits) => long.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
