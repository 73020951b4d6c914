using System.Net.Sockets;
using Demo.Gateway.Errors;
using Demo.Gateway.Privileges;
using Microsoft.Win32.SafeHandles;

namespace Demo.Gateway.Upgrade;

/// <summary>The instance that serves now, as the new one sees it.</summary>
internal sealed class RunningInstance : IDisposable
{
    private readonly UpgradeChannel _channel;

    private RunningInstance(UpgradeChannel channel) => _channel = channel;

    public int ProcessId => _channel.Peer.ProcessId;

    /// <summary>Where its admin endpoint listens; <see langword="null"/> if it has none.</summary>
    public string? Admin { get; private set; }

    /// <returns><see langword="null"/> if none runs.</returns>
    /// <exception cref="MachineRefusalException">One runs, and does not talk to this user.</exception>
    public static RunningInstance? Connect(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var socket = UpgradeChannel.CreateSocket();
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            if (exception.SocketErrorCode == SocketError.ConnectionRefused || !File.Exists(path))
            {
                // What is left of one that was killed.
                return null;
            }

            throw new MachineRefusalException(
                $"{UpgradeOptions.SocketKey}: {path}: {SingleLine.Of(exception.Message)}; accepted is the user of the running gateway, or root.", exception);
        }

        var running = new RunningInstance(new UpgradeChannel(socket));
        var user = running._channel.Peer.UserId;
        if (user != 0 && user != UserCalls.geteuid())
        {
            running.Dispose();
            throw new MachineRefusalException(
                $"{UpgradeOptions.SocketKey}: {path}: user {user} listens there; accepted is a running gateway of the same user or root's.");
        }

        return running;
    }

    /// <summary>Asks for its listening sockets, which become the caller's: for each listener all of them, in their order.</summary>
    /// <exception cref="MachineRefusalException">It refuses, or is no such gateway.</exception>
    public IReadOnlyList<IReadOnlyList<SafeFileHandle>> ReceiveListeners()
    {
        var listeners = new List<(string? Address, List<SafeFileHandle> Sockets)>();
        try
        {
            _channel.Send(new UpgradeMessage { Kind = UpgradeMessage.Hello, Protocol = UpgradeMessage.CurrentProtocol });
            while (true)
            {
                var sockets = new List<SafeFileHandle>();
                switch (_channel.Receive(sockets))
                {
                    case { Kind: UpgradeMessage.Listener, Address: var address }:
                        if (listeners.Count == 0 || listeners[^1].Address != address)
                        {
                            listeners.Add((address, []));
                        }

                        listeners[^1].Sockets.AddRange(sockets);
                        break;
                    case { Kind: UpgradeMessage.End } end:
                        Admin = end.Admin;
                        return [.. listeners.Select(static listener => listener.Sockets)];
                    case { Kind: UpgradeMessage.Refused, Reason: var reason }:
                        throw new MachineRefusalException($"{UpgradeOptions.SocketKey}: the running gateway (process {ProcessId}) does not hand over: {reason}");
                    case { Kind: var kind }:
                        throw new IOException($"a message of the unknown kind '{kind}'");
                    case null:
                        throw new IOException("the connection was closed");
                }
            }
        }
        catch (IOException exception)
        {
            throw new MachineRefusalException(
                $"{UpgradeOptions.SocketKey}: the running gateway (process {ProcessId}) did not hand over: {SingleLine.Of(exception.Message)}; " +
                "it goes on. Stop it, and start this one then.", exception);
        }
    }

    /// <summary>Says that this instance serves, and waits until the other one accepts nothing more.</summary>
    /// <returns>Whether it has said so.</returns>
    public bool TryRelieve(IReadOnlyList<string> taken, string? admin)
    {
        try
        {
            _channel.Send(new UpgradeMessage { Kind = UpgradeMessage.Ready, Taken = taken, Admin = admin });
            return _channel.Receive([]) is { Kind: UpgradeMessage.Released };
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Waits until it has ended.</summary>
    public async Task WaitForEndAsync(CancellationToken cancellationToken)
    {
        while (await _channel.ReceiveAsync(cancellationToken) is not null)
        {
            // It has nothing more to say.
        }
    }

    public void Dispose() => _channel.Dispose();
}
