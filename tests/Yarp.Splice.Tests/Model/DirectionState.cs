using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Rules;

namespace Yarp.Splice.Tests.Model;

/// <summary>One direction: the verdict's slot, and what the relay holds and remembers.</summary>
internal struct DirectionState
{
    public ByteQueue Held;
    public ByteQueue Pipe;
    public DirectionFacts Facts;
    public byte Redirected;
    public byte Passed;
    public byte Consumed;
    public sbyte Acknowledged;
    public byte NotifyAt;
    public byte Notified;

    /// <summary>The sequence number that the verdict expects; zero before the first segment.</summary>
    public byte NextSequence;

    /// <summary>The byte that the verdict passes right now.</summary>
    public byte Segment;

    public VerdictStage Stage;

    /// <summary>Bytes that the source had received, and the verdict was not to see, when the direction was armed.</summary>
    public byte ReceivedBefore;

    /// <summary>Bytes that had been sent to the sink when the direction was armed.</summary>
    public byte SentBefore;

    public byte Unconsumed;
    public byte EmptyAt;
    private byte _path;
    private byte _flow;

    public PathKind Path
    {
        readonly get => (PathKind)_path;
        set => _path = (byte)value;
    }

    public RelayFlow Flow
    {
        readonly get => (RelayFlow)_flow;
        set => _flow = (byte)value;
    }

    public readonly bool IsOver => DirectionRules.IsOver(Flow);

    public readonly bool IsPassing => Passed != Consumed;

    public readonly bool Has(DirectionFacts fact) => (Facts & fact) != 0;

    public void Set(DirectionFacts fact, bool value = true) => Facts = value ? Facts | fact : Facts & ~fact;
}
