using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Demo.Gateway.Lifecycle;

/// <summary>The service manager that started the gateway, if one did: what it handed over, and what it wants to be told (sd_listen_fds(3), sd_notify(3)).</summary>
internal static class ServiceManager
{
    public const string Ready = "READY=1";
    public const string Stopping = "STOPPING=1";

    /// <summary>Whether it has opened sockets for this process.</summary>
    public static bool HandsSocketsOver =>
        Environment.GetEnvironmentVariable("LISTEN_PID") == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    /// <summary>Tells it a state. Nobody may be there to listen; that is no fault of the gateway's.</summary>
    public static void Notify(string state)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not { Length: > 1 } path || path[0] is not ('/' or '@'))
        {
            return;
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            // An abstract name begins with NUL in the kernel and with @ in the variable.
            socket.SendTo(Encoding.UTF8.GetBytes(state), new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path));
        }
        catch (SocketException)
        {
            // See above.
        }
    }
}
