using System.Globalization;
using System.Text;
using Demo.Gateway.Configuration;
using Demo.Gateway.Lifecycle;

namespace Demo.Gateway.Upgrade;

/// <summary>The section <c>Upgrade</c>.</summary>
/// <param name="Socket">The path of the Unix socket where a running instance hands its listening sockets to the next one.</param>
/// <param name="DrainTimeout">How long, after that, transfers in flight of the earlier one may go on.</param>
internal sealed record UpgradeOptions(string Socket, TimeSpan DrainTimeout)
{
    public const string SectionName = "Upgrade";
    public const string SocketKey = SectionName + ":" + nameof(Socket);
    public const string DrainTimeoutKey = SectionName + ":" + nameof(DrainTimeout);

    /// <summary>sun_path has 108 bytes (unix(7)), and while a socket is made its name has the process number at its end.</summary>
    private const int MostBytes = 96;

    /// <returns><see langword="null"/> if there is to be no upgrade. What is returned beside mistakes is not to be used.</returns>
    public static UpgradeOptions? Read(IConfiguration configuration, ShutdownTimes times, List<string> mistakes)
    {
        var section = configuration.GetSection(SectionName);
        SectionKeys.Check(section, mistakes, nameof(Socket), nameof(DrainTimeout));
        var drainTimeout = ShutdownTimes.Read(configuration, DrainTimeoutKey, times.Timeout, mistakes);
        if (section[nameof(Socket)] is not { Length: > 0 } socket)
        {
            return null;
        }

        if (!Path.IsPathFullyQualified(socket) || socket.EndsWith('/') || Encoding.UTF8.GetByteCount(socket) > MostBytes)
        {
            mistakes.Add(string.Create(CultureInfo.InvariantCulture,
                $"{SocketKey} is '{socket}'; accepted is the full path of a file of at most {MostBytes} bytes, such as /run/gateway/upgrade.sock."));
        }
        else if (!OperatingSystem.IsLinux())
        {
            mistakes.Add($"{SocketKey} is '{socket}', which needs Linux; accepted here is to leave it out.");
        }
        else if (ServiceManager.HandsSocketsOver)
        {
            mistakes.Add(
                $"{SocketKey} is '{socket}', and the service manager has opened sockets for the gateway (LISTEN_FDS), which stay its own; accepted is one of the two.");
        }

        return new UpgradeOptions(socket, drainTimeout);
    }
}
