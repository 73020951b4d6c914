using System.Net;
using System.Net.Sockets;

namespace Testing;

/// <summary>A port that drops SYNs: a listening socket whose accept queue is full.</summary>
public sealed class BlackHole : IDisposable
{
    private readonly Socket _listener;
    private readonly List<Socket> _fillers = [];

    public BlackHole()
        : this(new IPEndPoint(IPAddress.Loopback, 0))
    {
    }

    public BlackHole(IPEndPoint endPoint)
    {
        _listener = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(endPoint);
        _listener.Listen(0);
        for (var i = 0; i < 4; i++)
        {
            var filler = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            _fillers.Add(filler);
            try
            {
                filler.Connect(_listener.LocalEndPoint!);
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.WouldBlock)
            {
                // In progress, or dropped already.
            }

            Thread.Yield();
        }
    }

    public EndPoint EndPoint => _listener.LocalEndPoint!;

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose()
    {
        _fillers.ForEach(static filler => filler.Dispose());
        _listener.Dispose();
    }
}
