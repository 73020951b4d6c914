using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Model;

/// <summary>A session, its two sockets in the kernel, and their peers.</summary>
internal struct RelayState
{
    public const byte Nobody = 255;

    public Pair<EndpointState> Endpoints;
    public Pair<DirectionState> Directions;
    public RelayPoint Point;

    /// <summary>The direction or endpoint that <see cref="Point"/> is about.</summary>
    public byte At;

    /// <summary>The endpoint that has failed, or <see cref="Nobody"/>.</summary>
    public byte Failed;

    private byte _session;
    private byte _awaitsArming;
    private byte _maySplice;
    private byte _isPollPending;
    private byte _endsByReset;
    private byte _isContinuing;

    public RelaySession.State Session
    {
        readonly get => (RelaySession.State)_session;
        set => _session = (byte)value;
    }

    public bool AwaitsArming
    {
        readonly get => _awaitsArming != 0;
        set => _awaitsArming = value ? (byte)1 : (byte)0;
    }

    public bool MaySplice
    {
        readonly get => _maySplice != 0;
        set => _maySplice = value ? (byte)1 : (byte)0;
    }

    public bool IsPollPending
    {
        readonly get => _isPollPending != 0;
        set => _isPollPending = value ? (byte)1 : (byte)0;
    }

    public bool IsContinuing
    {
        readonly get => _isContinuing != 0;
        set => _isContinuing = value ? (byte)1 : (byte)0;
    }

    public bool EndsByReset
    {
        readonly get => _endsByReset != 0;
        set => _endsByReset = value ? (byte)1 : (byte)0;
    }
}
