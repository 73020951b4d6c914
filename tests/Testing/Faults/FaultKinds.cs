namespace Testing.Faults;

/// <summary>What faults do to those who depend on the call. The numbers are those of <c>rules.h</c>.</summary>
[Flags]
public enum FaultKinds
{
    None = 0,

    /// <summary>Nothing but a moment: the call succeeds when it is tried again.</summary>
    Passing = 1,

    /// <summary>Nothing but speed: accepting pauses, a session copies instead of splicing, and the log says so.</summary>
    Shortage = 2,

    /// <summary>A connection ends, or is not made, or a program does not start.</summary>
    Fatal = 4,
}
