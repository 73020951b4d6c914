namespace Yarp.Splice.Relay;

/// <summary>How a direction stands after it was pumped.</summary>
internal enum RelayFlow
{
    /// <summary>Waits for the source to become readable or for the sink to become writable.</summary>
    Waiting,

    /// <summary>Has more to move, but has used its turn.</summary>
    OutOfTurn,

    /// <summary>The source has ended and everything was handed over; the sink was shut for writing.</summary>
    Finished,

    /// <summary>The source failed (a reset, usually), and everything that came before was handed over.</summary>
    SourceFailed,

    /// <summary>The sink failed; what was on its way to it is lost.</summary>
    SinkFailed,
}
