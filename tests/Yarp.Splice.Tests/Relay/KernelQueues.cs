using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What waits in the kernel's queues of a socket that the test has no descriptor of: /proc/net/tcp (proc(5)).</summary>
internal static class KernelQueues
{
    private const int LastAck = 9;

    /// <summary>A transfer of the relay's (256 KiB at most), what it leaves unsent, and Sockmap's window.</summary>
    private const long RelayBytes = 1024 * 1024;

    /// <summary>
    /// What a session can hold in one direction whose reader stalls: two send and two receive buffers, which the kernel makes as large as
    /// net.ipv4.tcp_wmem and tcp_rmem allow, larger the more a reader has taken at once before; and what the relay itself holds.
    /// </summary>
    public static long MostOnTheWay { get; } = (2 * (Largest("tcp_wmem") + Largest("tcp_rmem"))) + RelayBytes;

    /// <summary>Bytes sent but not acknowledged, and received but not read, of the IPv4 socket at the other end of this one.</summary>
    public static (long Sending, long Receiving) OfPeer(Socket socket)
    {
        // sl local_address rem_address st tx_queue:rx_queue ...
        var queues = Fields(((IPEndPoint)socket.RemoteEndPoint!).Port, ((IPEndPoint)socket.LocalEndPoint!).Port)[4].Split(':');
        return (Hex(queues[0]), Hex(queues[1]));
    }

    /// <summary>Whether an IPv4 socket has received FIN and been shut down, and waits for the last acknowledgement.</summary>
    public static bool AwaitsLastAcknowledgement(int local, int remote) => Hex(Fields(local, remote)[3]) == LastAck;

    // Smallest, default, largest: tcp(7).
    private static long Largest(string setting) =>
        long.Parse(File.ReadAllText($"/proc/sys/net/ipv4/{setting}").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[2], CultureInfo.InvariantCulture);

    private static string[] Fields(int local, int remote)
    {
        foreach (var line in File.ReadLines("/proc/net/tcp").Skip(1))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (Hex(fields[1].Split(':')[1]) == local && Hex(fields[2].Split(':')[1]) == remote)
            {
                return fields;
            }
        }

        throw new InvalidOperationException($"no socket from port {local} to port {remote}");
    }

    private static long Hex(string digits) => long.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
