namespace Yarp.Splice.Tests.Model;

/// <summary>What is so, or not, about a direction.</summary>
[Flags]
internal enum DirectionFacts : ushort
{
    None = 0,

    // The kernel's.

    /// <summary>The source is in the map with the verdict.</summary>
    Armed = 1,

    /// <summary>The verdict knows its window; before that it passes everything.</summary>
    HasWindow = 2,

    /// <summary>The verdict runs, with the source's lock held.</summary>
    Running = 4,

    /// <summary>The verdict has named the direction in the ring buffer.</summary>
    Told = 8,

    /// <summary>The verdict has given up, or user space found too many bytes.</summary>
    Damaged = 16,

    // The relay's: RelayDirection and SockmapPath.
    SourceEnded = 32,
    SourceFailed = 64,
    SinkFailed = 128,
    AwaitsPassed = 256,
    CheckPending = 512,
    EndError = 1024,

    /// <summary>Has moved something in this turn: the next transfer is in another turn, so that every stop of the product's longer turns is explored.</summary>
    HadTurn = 4096,

    /// <summary>Only in a mutant: the queue was found empty at some time.</summary>
    QueueEmpty = 2048,
}
