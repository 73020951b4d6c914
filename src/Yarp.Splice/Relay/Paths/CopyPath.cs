using System.Buffers;
using Transport.Linux.Interop;
using Yarp.Splice.Relay.Rules;

namespace Yarp.Splice.Relay.Paths;

/// <summary>
/// recv into the loop's shared buffer, send from it. What the sink does not take moves into a buffer of the direction's own, and nothing is
/// read until that has left: the sender's window closes.
/// </summary>
internal sealed class CopyPath : RelayPath
{
    public static readonly CopyPath Instance = new();

    private CopyPath()
    {
    }

    public override PathKind Kind => PathKind.Copy;

    public override bool TryFlush(RelayDirection direction)
    {
        var held = direction.Held;
        while (!held.IsEmpty)
        {
            var sent = SocketCalls.Send(direction.Sink.Descriptor, held.Span);
            if (sent < 0)
            {
                direction.OnSinkError((int)-sent);
                break;
            }

            held = held[(int)sent..];
        }

        if (!held.IsEmpty)
        {
            direction.Held = held;
            return false;
        }

        // An empty piece would keep the array behind it.
        direction.Held = default;
        ReturnBuffer(direction);
        return true;
    }

    public override void Transfer(RelayDirection direction)
    {
        var buffer = direction.Worker.Buffer.AsSpan(0, direction.Limit(RelayWorker.BufferSize));
        var received = (int)SocketCalls.Receive(direction.Source.Descriptor, buffer);
        direction.LastTransfer = Math.Max(received, 0);
        if (received <= 0)
        {
            direction.OnSourceEnd(-received);
            return;
        }

        direction.CountMoved(received);
        if (DirectionRules.IsEmptied(received, buffer.Length, direction.Source.IsEndSeen, direction.Source.IsUrgentSeen))
        {
            direction.Source.IsReadable = false;
        }

        Deliver(direction, buffer[..received]);
    }

    /// <summary>Sends bytes that the direction has just received; what the sink does not take is held.</summary>
    public static void Deliver(RelayDirection direction, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var sent = SocketCalls.Send(direction.Sink.Descriptor, bytes);
            if (sent < 0)
            {
                direction.OnSinkError((int)-sent);
                Hold(direction, bytes);
                return;
            }

            bytes = bytes[(int)sent..];
        }
    }

    /// <summary>Gives back the buffer of a direction that holds nothing, or whose session has ended.</summary>
    public static void ReturnBuffer(RelayDirection direction)
    {
        if (direction.OwnBuffer is { } buffer)
        {
            direction.OwnBuffer = null;
            direction.Held = default;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void Hold(RelayDirection direction, ReadOnlySpan<byte> rest)
    {
        direction.OwnBuffer = ArrayPool<byte>.Shared.Rent(rest.Length);
        rest.CopyTo(direction.OwnBuffer);
        direction.Held = direction.OwnBuffer.AsMemory(0, rest.Length);
    }
}
