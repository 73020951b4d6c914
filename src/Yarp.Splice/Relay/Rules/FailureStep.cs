namespace Yarp.Splice.Relay.Rules;

/// <summary>What the failure of one side does to a session.</summary>
internal enum FailureStep
{
    Ignore,

    /// <summary>What the failed side sent before goes to the other side, which is reset then. Nothing more is read from the other side.</summary>
    BeginReset,

    /// <summary>The side that was to be reset has failed by itself: what is on its way to it is lost.</summary>
    AbandonRest,
}
