namespace Yarp.Splice.Tests.Model;

/// <summary>
/// Where the event loop's thread is: before each system call, and before each look at what the verdict writes. Between two points it sees and
/// changes only what is its own.
/// </summary>
internal enum RelayPoint : byte
{
    Idle,
    TakeError,
    Send,
    PublishConsumed,
    LookAfterConsumed,
    ChoosePath,
    LookAtPassed,
    LookAtQueue,
    LookBeforeEnd,
    Receive,
    LookAfterAgain,
    LookAfterEnd,
    LookBeforeFinish,
    Shutdown,
    LookAtDelivery,
    Close,
    ChooseArming,
    ArmPeers,
    ArmSource,
    OpenWindow,
    Kick,
    LimitInterest,
}
