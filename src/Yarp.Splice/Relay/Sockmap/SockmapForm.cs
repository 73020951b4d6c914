namespace Yarp.Splice.Relay.Sockmap;

/// <summary>The forms of the verdict program, named as in the object file.</summary>
internal enum SockmapForm
{
    /// <summary>The verdict reads what has been acknowledged from the peer's TCP state; user space is not needed while traffic flows. Needs CAP_PERFMON.</summary>
    Exact,

    /// <summary>User space tells the verdict what has been acknowledged, each time half of the window is used.</summary>
    Credit,
}
