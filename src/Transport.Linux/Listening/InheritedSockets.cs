using System.Net;
using Microsoft.Win32.SafeHandles;
using Transport.Linux.Interop;

namespace Transport.Linux.Listening;

/// <summary>Listening sockets that another process has passed on: which nobody uses yet, and which listeners wait with them for the start.</summary>
internal sealed class InheritedSockets
{
    // By text: an IP address with its port, the path of a Unix socket, the name of an abstract one after an @.
    private readonly Dictionary<string, int[]> _unused = new(StringComparer.Ordinal);
    private readonly List<SocketListener> _held = [];

    public EndPoint Add(IReadOnlyList<SafeFileHandle> sockets)
    {
        var descriptors = new int[sockets.Count];
        for (var i = 0; i < descriptors.Length; i++)
        {
            descriptors[i] = (int)sockets[i].DangerousGetHandle();
            sockets[i].SetHandleAsInvalid();
        }

        try
        {
            var endPoint = FindEndPoint(descriptors);
            return _unused.TryAdd(endPoint.ToString()!, descriptors)
                ? endPoint
                : throw new ArgumentException($"The sockets of {endPoint} were passed on twice.", nameof(sockets));
        }
        catch
        {
            Close(descriptors);
            throw;
        }
    }

    /// <summary>The sockets of the address, which are the caller's from here on; <see langword="null"/> if there are none.</summary>
    public int[]? Take(EndPoint endPoint) => _unused.Remove(endPoint.ToString()!, out var descriptors) ? descriptors : null;

    public void Hold(SocketListener listener) => _held.Add(listener);

    /// <summary>Starts the listeners that wait, and closes what nobody uses.</summary>
    public IReadOnlyList<EndPoint> Start()
    {
        SocketListener[] started = [.. _held.Where(static listener => !listener.HasStopped)];
        _held.Clear();
        foreach (var listener in started)
        {
            listener.Start();
        }

        foreach (var descriptors in _unused.Values)
        {
            Close(descriptors);
        }

        _unused.Clear();
        return [.. started.Select(static listener => listener.EndPoint)];
    }

    private static EndPoint FindEndPoint(int[] descriptors)
    {
        EndPoint? common = null;
        foreach (var descriptor in descriptors)
        {
            if (SocketCalls.GetOption(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_ACCEPTCONN, out var listens) < 0 || listens == 0
                || ListeningSocket.GetLocalEndPoint(descriptor) is not { } endPoint)
            {
                throw new ArgumentException($"Descriptor {descriptor} is no socket that listens.", nameof(descriptors));
            }

            common ??= endPoint;
            if (!endPoint.ToString()!.Equals(common.ToString(), StringComparison.Ordinal))
            {
                throw new ArgumentException($"The sockets of a listener must have one address; these have {common} and {endPoint}.", nameof(descriptors));
            }
        }

        return common ?? throw new ArgumentException("A listener has at least one socket.", nameof(descriptors));
    }

    private static void Close(int[] descriptors)
    {
        foreach (var descriptor in descriptors)
        {
            _ = SocketCalls.Close(descriptor);
        }
    }
}
