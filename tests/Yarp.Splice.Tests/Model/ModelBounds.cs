using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Model;

/// <summary>How large the world of a model is, and what may happen in it.</summary>
internal sealed record ModelBounds
{
    /// <summary>Bytes that the client sends at most, the prefix included.</summary>
    public required int FromClient { get; init; }

    /// <summary>Bytes that the upstream sends at most.</summary>
    public required int FromUpstream { get; init; }

    /// <summary>Bytes of the client that were read before the session began.</summary>
    public int Prefix { get; init; }

    /// <summary>Whether the session is armed at some time.</summary>
    public bool MayArm { get; init; }

    /// <summary>Whether directions move between Copy and Splice.</summary>
    public bool MaySplice { get; init; }

    /// <summary>Whether peers reset.</summary>
    public bool MayReset { get; init; }

    public SockmapForm Form { get; init; }

    /// <summary>Bytes that a receive queue takes.</summary>
    public int ReceiveBuffer { get; init; } = 2;

    /// <summary>Bytes that a send queue takes.</summary>
    public int SendBuffer { get; init; } = 2;

    /// <summary>Bytes that may be unacknowledged before the verdict passes.</summary>
    public int Window { get; init; } = 1;

    /// <summary>Bytes that one read takes.</summary>
    public int Transfer { get; init; } = 2;

    /// <summary>Bytes that may be passed and not consumed before payload is refused.</summary>
    public int MostHeld { get; init; } = 4;

    public Mutant Mutant { get; init; }
}
