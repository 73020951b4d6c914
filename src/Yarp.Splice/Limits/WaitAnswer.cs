namespace Yarp.Splice.Limits;

/// <summary>What a client hears for whom no destination was picked.</summary>
internal enum WaitAnswer
{
    /// <summary>No destination is left that could be waited for.</summary>
    NoDestination,

    /// <summary>Destinations are left, and all of them are full. The client waits, if it was to.</summary>
    Full,

    /// <summary>A place has become free in the meantime: pick again.</summary>
    PickAgain,
}
