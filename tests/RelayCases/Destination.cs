using System.Net;
using System.Net.Sockets;

namespace RelayCases;

/// <summary>The far side of the relay.</summary>
public sealed class Destination : IDisposable
{
    private const int Backlog = 512;

    private readonly Socket _listener;
    private readonly List<Socket> _fillers = [];
    private readonly string? _path;

    public Destination(DestinationKind kind, string folder, string name)
    {
        Kind = kind;
        switch (kind)
        {
            case DestinationKind.ListeningOnUnixSocket:
                _path = Path.Combine(folder, $"{name}.sock");
                _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                _listener.Bind(new UnixDomainSocketEndPoint(_path));
                break;
            case DestinationKind.ListeningOnIPv6:
                _listener = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
                _listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
                break;
            default:
                _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                break;
        }

        // Bound and not listening: the port is taken, and a connect to it is refused.
        if (kind != DestinationKind.Refusing)
        {
            _listener.Listen(kind == DestinationKind.NotAnswering ? 0 : Backlog);
        }

        if (kind == DestinationKind.NotAnswering)
        {
            Fill();
        }
    }

    public DestinationKind Kind { get; }

    /// <summary>HOST:PORT, or a path.</summary>
    public string Address => _path ?? _listener.LocalEndPoint!.ToString()!;

    public async Task<Socket> AcceptAsync(TimeSpan patience)
    {
        using var timeout = new CancellationTokenSource(patience);
        try
        {
            return await _listener.AcceptAsync(timeout.Token);
        }
        catch (OperationCanceledException exception)
        {
            throw new CaseFailedException($"no connection reached the destination within {patience.TotalSeconds:0.#} s", exception);
        }
    }

    /// <summary>Whether a connection waits to be accepted.</summary>
    public bool HasPending => Kind != DestinationKind.Refusing && _listener.Poll(TimeSpan.Zero, SelectMode.SelectRead);

    /// <summary>Closes what an earlier case has left.</summary>
    public void CloseLeftovers()
    {
        while (Kind != DestinationKind.NotAnswering && HasPending)
        {
            _listener.Accept().Dispose();
        }
    }

    /// <summary>Makes room in the accept queue of a <see cref="DestinationKind.NotAnswering"/> destination. It answers the SYN that is sent again.</summary>
    public void MakeRoom()
    {
        _listener.Listen(Backlog);
        foreach (var filler in _fillers)
        {
            _listener.Accept().Dispose();
            filler.Dispose();
        }

        _fillers.Clear();
    }

    public void Dispose()
    {
        _fillers.ForEach(static filler => filler.Dispose());
        _listener.Dispose();
        if (_path is not null)
        {
            File.Delete(_path);
        }
    }

    private void Fill()
    {
        // A backlog of 0 has room for one connection (listen(2), sk_acceptq_is_full).
        var filler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        filler.Connect(_listener.LocalEndPoint!);
        _fillers.Add(filler);
    }
}
