namespace Yarp.Splice.Tests.Model;

/// <summary>Mistakes that the relay could make, each of which the exploration must find.</summary>
internal enum Mutant
{
    None,

    // Copy and Splice.
    FinBeforeTheLastRead,
    ShortReadForgetsTheEnd,
    LeavesFullPipe,
    ReadsWhileHolding,
    ResetBeforeDelivered,
    HangUpTakenForFailure,
    PrefixForgotten,

    // Sockmap.
    ArmedWhileHolding,
    ArmedOverHalfReadSegment,
    NotKicked,
    SecondFailureIgnored,
    LiveEntryDeleted,
    PassedOvertakesRedirected,
    QueueFoundEmptyOnceAndForAll,
    ReceivesWhileRedirecting,
    ConsumedBeforeSent,
    FinBeforeQueueEmpty,
    EndTakenAtItsWord,
    PassedTakenForReadable,
    OverlapRelayedTwice,
    NoWindow,
}
