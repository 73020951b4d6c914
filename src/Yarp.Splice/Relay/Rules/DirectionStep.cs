namespace Yarp.Splice.Relay.Rules;

/// <summary>What a direction does next.</summary>
internal enum DirectionStep
{
    /// <summary>The sink does not take what is held.</summary>
    AwaitSink,

    /// <summary>Nothing is held, and the source has nothing.</summary>
    AwaitSource,

    /// <summary>Nothing is held: move what the source has.</summary>
    Transfer,

    /// <summary>The source has ended and nothing is held: its end may follow once the path holds nothing either.</summary>
    Finish,
}
