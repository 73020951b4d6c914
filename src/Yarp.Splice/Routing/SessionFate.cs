namespace Yarp.Splice.Routing;

/// <summary>What becomes of a session when what it was made for changes.</summary>
internal enum SessionFate
{
    /// <summary>It goes on until it ends by itself.</summary>
    Keep,

    /// <summary>Both sides are reset.</summary>
    Cut,
}
