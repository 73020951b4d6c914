namespace Yarp.Splice.Health;

/// <summary>What becomes of a destination's sessions when it turns unhealthy.</summary>
internal enum OnUnhealthy
{
    /// <summary>They go on; only new ones go elsewhere.</summary>
    Keep,

    /// <summary>Both sides are reset, so that clients connect anew.</summary>
    Cut,
}
