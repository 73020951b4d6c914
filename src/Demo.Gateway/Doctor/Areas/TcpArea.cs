using System.Globalization;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>The settings of TCP and of sockets (tcp(7), Documentation/networking/ip-sysctl.rst of the kernel).</summary>
internal sealed class TcpArea(SystemFiles files) : IDoctorArea
{
    private const long Megabyte = 1024 * 1024;
    private const string MemoryName = "net.ipv4.tcp_mem";

    private static readonly SettingRule[] s_rules =
    [
        new("net.core.somaxconn", "4096", SettingRule.AtLeast(4096, 512),
            "The longest accept queue; LinuxTransport:Backlog (512) is cut to it. Connections that find the queue full are lost, and come back a second later."),
        new("net.ipv4.tcp_max_syn_backlog", "4096", SettingRule.AtLeast(1024, 256),
            "How many handshakes may be under way. Past it the kernel answers with SYN cookies, or drops."),
        new("net.ipv4.tcp_syncookies", "1", static numbers => numbers[0] == 0 ? Verdict.Attention : Verdict.Ok,
            "Without cookies a flood of SYNs keeps everyone out."),
        new("net.ipv4.tcp_rmem", "4096 131072 6291456", SettingRule.AtLeast(4 * Megabyte, Megabyte, index: 2),
            "Least, first and largest receive buffer. The largest limits what one connection moves over a long way: 6 MB is 1 Gbit/s at 50 ms."),
        new("net.ipv4.tcp_wmem", "4096 16384 4194304", SettingRule.AtLeast(4 * Megabyte, Megabyte, index: 2),
            "The same for sending."),
        new("net.ipv4.tcp_fastopen", "3", static numbers => (numbers[0] & 2) != 0 ? Verdict.Ok : Verdict.Note,
            "Bit 2 lets a server take data with the SYN, which spares a round trip. Only where LinuxTransport:FastOpen is set."),
        new("net.ipv4.tcp_tw_reuse", "1", static numbers => numbers[0] == 1 ? Verdict.Ok : Verdict.Note,
            "1 lets a new connection to a destination take a port that waits in TIME-WAIT (2: on loopback only). Without, many short connections run out of ports."),
        new("net.ipv4.ip_local_port_range", "10240 65535",
            static numbers => numbers[1] - numbers[0] + 1 is var count && count >= 28000 ? Verdict.Ok : count >= 10000 ? Verdict.Note : Verdict.Attention,
            "The ports for connections to destinations: at most so many at a time to one address and port from one source address."),
        new("net.core.busy_poll", "0", static numbers => numbers[0] <= 100 ? Verdict.Ok : Verdict.Note,
            "Microseconds that epoll polls the card before it sleeps; 0 is off. 50 shortens the way of single requests and costs CPU."),
        new("net.core.busy_read", "0", static numbers => numbers[0] <= 100 ? Verdict.Ok : Verdict.Note,
            "The same for receiving; LinuxTransport:BusyPoll sets it for each socket."),
    ];

    public string Name => "tcp";

    public IEnumerable<Finding> Examine() => s_rules.Select(rule => rule.Examine(files)).Append(DescribeMemory());

    private Finding DescribeMemory()
    {
        const string Why = "Memory of all TCP buffers of the machine: from the second limit on windows shrink, at the third data is dropped.";
        var reading = files.ReadSysctl(MemoryName);
        if (!reading.IsRead || !NumberList.TryParse(reading.Text, 3, out var pages))
        {
            return Finding.Unread(MemoryName, reading with { Obstacle = reading.Obstacle ?? $"'{reading.Text}' is not what is expected there" }, Why);
        }

        var used = UsedPages();
        var verdict = pages[2] * Environment.SystemPageSize < 64 * Megabyte || used > pages[1] ? Verdict.Attention : Verdict.Ok;
        // Twice as much as now is an honest proposal whatever the size of the machine.
        return Finding.Judge(MemoryName, $"{string.Join(' ', pages)} pages (at most {Size(pages[2])}, {Size(used)} used)", verdict, Why,
            string.Create(CultureInfo.InvariantCulture, $"sysctl -w {MemoryName}=\"{pages[0] * 2} {pages[1] * 2} {pages[2] * 2}\""));

        static string Size(long count) => SizeText.Of(count * Environment.SystemPageSize);
    }

    /// <summary>The pages that TCP's buffers take now: "TCP: … mem N" (proc_net(5)).</summary>
    private long UsedPages()
    {
        var words = files.Read("/proc/net/sockstat").Line("TCP:")?.Split(' ') ?? [];
        var at = Array.IndexOf(words, "mem") + 1;
        return at > 0 && at < words.Length && long.TryParse(words[at], NumberStyles.None, CultureInfo.InvariantCulture, out var used) ? used : 0;
    }
}
