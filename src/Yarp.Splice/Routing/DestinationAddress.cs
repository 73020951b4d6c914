using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Transport.Linux.Connections;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Routing;

/// <summary>A destination's address, parsed once. Immutable but for the cached answer of the name's resolution.</summary>
internal sealed class DestinationAddress
{
    public const string AcceptedForms =
        "tcp://HOST:PORT, HOST:PORT, [IPV6]:PORT, unix:/PATH and unix:@ABSTRACT, and http:// or https:// before HOST or HOST:PORT";

    private const string TcpScheme = "tcp://";
    private const string HttpScheme = "http://";
    private const string HttpsScheme = "https://";
    private const string UnixScheme = "unix:";

    // How long a question may take before the answer to the one before is used.
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(500);

    private readonly string _text;
    private readonly string _host = "";
    private readonly int _port;
    private readonly Lock _asking = new();
    private volatile Answer? _answer;
    private Task<EndPoint[]>? _question;
    private long _askedAtMs;

    private DestinationAddress(string text, EndPoint endPoint)
    {
        _text = text;
        EndPoint = endPoint;
    }

    private DestinationAddress(string text, string host, int port)
    {
        _text = text;
        _host = host;
        _port = port;
    }

    /// <summary>Where to connect; <see langword="null"/> if a name has to be resolved first.</summary>
    public EndPoint? EndPoint { get; }

    /// <summary>Whether HTTP routes can use the address, too, and probes of it are HTTP requests.</summary>
    public bool IsHttp { get; private init; }

    /// <summary>Asks the system's resolver. Tests put one in that hangs.</summary>
    public Func<string, Task<IPAddress[]>> Lookup { get; set; } = Dns.GetHostAddressesAsync;

    /// <param name="text">The address as the configuration has it.</param>
    /// <param name="address">The parsed address.</param>
    /// <param name="error">Continues a sentence that names the destination: the value and what would be accepted.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out DestinationAddress? address, [NotNullWhen(false)] out string? error)
    {
        text ??= "";
        address = text switch
        {
            _ when HasScheme(text, UnixScheme) => ParseUnix(text),
            _ when HasScheme(text, HttpScheme) => ParseHttp(text, HttpScheme, "80"),
            _ when HasScheme(text, HttpsScheme) => ParseHttp(text, HttpsScheme, "443"),
            _ when HasScheme(text, TcpScheme) => ParseTcp(text, text.AsSpan(TcpScheme.Length), isHttp: false),
            _ => ParseTcp(text, text, isHttp: false),
        };
        error = address is null ? $"is '{text}'; accepted are {AcceptedForms}." : null;
        return address is not null;
    }

    /// <summary>
    /// How long an answer is used: long enough that a burst of connections asks once, short enough that a changed name is followed. Tests shorten it.
    /// </summary>
    public TimeSpan AnswerLifetime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Where to connect, in the order of preference. One question serves all who ask while it is under way. While the name server does not answer, or
    /// says that it cannot, the last answer stays in use.
    /// </summary>
    /// <exception cref="SocketException">The name cannot be resolved.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; the question goes on.</exception>
    public ValueTask<EndPoint[]> ResolveAsync(CancellationToken cancellationToken)
    {
        if (EndPoint is not null)
        {
            return ValueTask.FromResult<EndPoint[]>([EndPoint]);
        }

        return _answer is { } answer && Environment.TickCount64 < answer.ExpiresAtMs
            ? ValueTask.FromResult(answer.EndPoints)
            : new ValueTask<EndPoint[]>(AskOnceAsync(cancellationToken));
    }

    public override string ToString() => _text;

    private static DestinationAddress? ParseUnix(string text)
    {
        var path = text[UnixScheme.Length..];
        if (path is not ['/', _, ..] and not ['@', _, ..])
        {
            return null;
        }

        try
        {
            return new DestinationAddress(text, new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path));
        }
        catch (ArgumentOutOfRangeException)
        {
            // Longer than sockaddr_un has room for (unix(7)).
            return null;
        }
    }

    private static bool HasScheme(string text, string scheme) => text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase);

    private static DestinationAddress? ParseHttp(string text, string scheme, string defaultPort)
    {
        var authority = text.AsSpan(scheme.Length).TrimEnd('/');
        return authority.LastIndexOf(':') > authority.LastIndexOf(']')
            ? ParseTcp(text, authority, isHttp: true)
            : ParseTcp(text, $"{authority}:{defaultPort}", isHttp: true);
    }

    private static DestinationAddress? ParseTcp(string text, ReadOnlySpan<char> authority, bool isHttp)
    {
        // As a Uri writes itself.
        authority = authority is [.., '/'] && text.Contains("://", StringComparison.Ordinal) ? authority[..^1] : authority;
        var colon = authority.LastIndexOf(':');
        if (colon <= 0 ||
            !int.TryParse(authority[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535)
        {
            return null;
        }

        var host = authority[..colon];
        if (host is ['[', .., ']'])
        {
            return IPAddress.TryParse(host[1..^1], out var v6) && v6.AddressFamily == AddressFamily.InterNetworkV6
                ? new DestinationAddress(text, new IPEndPoint(v6, port)) { IsHttp = isHttp }
                : null;
        }

        var name = host.ToString();
        return Uri.CheckHostName(name) switch
        {
            UriHostNameType.IPv4 => new DestinationAddress(text, new IPEndPoint(IPAddress.Parse(name), port)) { IsHttp = isHttp },
            UriHostNameType.Dns => new DestinationAddress(text, name, port) { IsHttp = isHttp },
            _ => null,
        };
    }

    private Task<EndPoint[]> AskOnceAsync(CancellationToken cancellationToken)
    {
        lock (_asking)
        {
            if (_question is null || _question.IsCompleted)
            {
                _question = AskAsync();
                _askedAtMs = Environment.TickCount64;
            }

            return (_answer is { } answer ? AskForAWhileAsync(_question, answer) : _question).WaitAsync(cancellationToken);
        }
    }

    /// <summary>An old answer is better than to wait for a name server that has fallen silent.</summary>
    private async Task<EndPoint[]> AskForAWhileAsync(Task<EndPoint[]> question, Answer answer)
    {
        var left = s_patience - TimeSpan.FromMilliseconds(Environment.TickCount64 - _askedAtMs);
        try
        {
            return await question.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
        catch (TimeoutException)
        {
            return answer.EndPoints;
        }
    }

    private async Task<EndPoint[]> AskAsync()
    {
        EndPoint[] endPoints;
        try
        {
            // The caller may be an event loop, and holds the lock.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            var addresses = await Lookup(_host);
            endPoints = addresses.Length > 0
                ? Array.ConvertAll<IPAddress, EndPoint>(HappyEyeballs.Interleave(addresses), address => new IPEndPoint(address, _port))
                : throw new SocketException((int)SocketError.NoData, $"{_host} has no address.");
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData)
        {
            _answer = null;
            throw;
        }
        catch (SocketException) when (_answer is not null)
        {
            endPoints = _answer.EndPoints;
        }

        _answer = new Answer(endPoints, Environment.TickCount64 + (long)AnswerLifetime.TotalMilliseconds);
        return endPoints;
    }

    private sealed record Answer(EndPoint[] EndPoints, long ExpiresAtMs);
}
