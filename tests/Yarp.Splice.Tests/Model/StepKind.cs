namespace Yarp.Splice.Tests.Model;

/// <summary>The steps of the model, by who makes them.</summary>
internal enum StepKind : byte
{
    // A peer's own will: may happen, or never.
    Send,
    SendTwo,
    SendOverlapping,
    Finish,
    SendAndFinish,
    Reset,
    Delete,

    // What happens by itself sooner or later.
    Read,
    ReadEnd,
    Verdict,
    Work,
    TakeEvent,
    TakeNotice,
    Check,
    Poll,
    Continue,
    GoOn,
    TakeOtherWay,
}
