using System.Diagnostics;
using System.Net.Sockets;
using Transport.Linux.Interop;
using Yarp.Splice.Interop;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary>
/// Proves on loopback that the program does on this kernel what sessions rely on: a byte that was queued before arming arrives, bytes go both ways,
/// a megabyte stays intact, and FIN does no harm to the other side. Takes some milliseconds.
/// </summary>
internal sealed class SockmapProbe : IDisposable
{
    private const int Megabyte = 1024 * 1024;
    private const int Chunk = 32 * 1024;

    // Far longer than anything takes on a machine that is busy starting; the loops that wait must end even where the kernel relays nothing.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly SockmapProgram _program;
    private readonly Socket _client;
    private readonly Socket _clientSide;
    private readonly Socket _upstreamSide;
    private readonly Socket _upstream;

    private SockmapProbe(SockmapProgram program)
    {
        _program = program;
        (_client, _clientSide) = LoopbackPair.Connect();
        (_upstreamSide, _upstream) = LoopbackPair.Connect();
    }

    /// <summary>What does not work, or <see langword="null"/>.</summary>
    public static string? Run(SockmapProgram program)
    {
        try
        {
            using var probe = new SockmapProbe(program);
            return probe.Run();
        }
        catch (SocketException exception)
        {
            return $"the probe on loopback failed: {exception.Message}";
        }
    }

    public void Dispose()
    {
        foreach (var socket in new[] { _client, _clientSide, _upstreamSide, _upstream })
        {
            socket?.Dispose();
        }
    }

    private string? Run()
    {
        _client.Send([1]);
        WaitUntil(() => SocketStateCalls.UnreadBytes(Descriptor(_clientSide)) == 1);
        var error = _program.Arm(Descriptor(_clientSide), Descriptor(_upstreamSide), owner: 0, out var up, out var down, out _);
        if (error != 0)
        {
            return $"the probe could not arm a socket on loopback: {Errno.Describe(error)}";
        }

        var mistake = Exchange(up!, down!);
        // Slots are free only after their sockets.
        Dispose();
        up!.Release();
        down!.Release();
        return mistake;
    }

    private string? Exchange(SockmapDirection up, SockmapDirection down)
    {
        if (!Arrives([1], _upstream, up))
        {
            return "the probe's byte that was queued before arming did not arrive";
        }

        _upstream.Send([2]);
        if (!Arrives([2], _client, down))
        {
            return "the probe's byte towards the client did not arrive";
        }

        var payload = new byte[Megabyte];
        new Random(1).NextBytes(payload);
        for (var at = 0; at < Megabyte; at += Chunk)
        {
            _client.Send(payload.AsSpan(at, Chunk));
            if (!Arrives(payload.AsSpan(at, Chunk), _upstream, up))
            {
                return $"the probe's megabyte was damaged or stopped within the {Chunk} bytes after {at}";
            }
        }

        _client.Shutdown(SocketShutdown.Send);
        WaitUntil(() => SocketStateCalls.GetTcpInfo(Descriptor(_clientSide), out var info) == 0 && info.HasFin);
        _ = SocketCalls.GetOption(Descriptor(_upstreamSide), SocketCalls.SOL_SOCKET, SocketCalls.SO_ERROR, out var damage);
        if (damage != 0)
        {
            return $"the client's FIN broke the other socket: {Errno.Describe(damage)}";
        }

        return up.IsSourceAccountedFor() && up.Failure == SockmapFailure.None
            ? null
            : $"the probe's counters do not agree: {up.Moved} bytes of {Megabyte + 1}";
    }

    private static bool Arrives(ReadOnlySpan<byte> expected, Socket socket, SockmapDirection direction)
    {
        var received = new byte[expected.Length];
        var count = 0;
        for (var started = Stopwatch.GetTimestamp(); count < received.Length && Stopwatch.GetElapsedTime(started) < s_patience;)
        {
            Forward(direction);
            if (socket.Poll(TimeSpan.FromMilliseconds(1), SelectMode.SelectRead))
            {
                count += socket.Receive(received.AsSpan(count));
            }
        }

        return expected.SequenceEqual(received);
    }

    /// <summary>Moves what the verdict passed, as a session does.</summary>
    private static void Forward(SockmapDirection direction)
    {
        direction.Refresh();
        var buffer = new byte[Chunk];
        int count;
        // Looked at each time: once all is consumed the verdict redirects, and what it passes after that must not overtake.
        while (direction.IsPassing && direction.IsQueueEmpty() && (count = (int)SocketCalls.Receive(direction.Source, buffer)) > 0)
        {
            for (var sent = 0; sent < count;)
            {
                var result = (int)SocketCalls.Send(direction.Sink, buffer.AsSpan(sent, count - sent));
                sent += result > 0 ? result : 0;
                if (result < 0 && result != -Errno.EAGAIN)
                {
                    return;
                }
            }

            direction.Consume(count);
        }
    }

    private static void WaitUntil(Func<bool> condition) => SpinWait.SpinUntil(condition, s_patience);

    private static int Descriptor(Socket socket) => (int)socket.Handle;
}
