namespace Yarp.Splice;

/// <summary>The machine does not let the ports of TCP routes be opened: in use, not permitted, or no such address.</summary>
/// <param name="refusals">One line each: the route, the address, and what would help.</param>
public sealed class SplicePortException(IReadOnlyList<string> refusals) : Exception(string.Join(' ', refusals))
{
    /// <summary>All ports that could not be opened, one line each.</summary>
    public IReadOnlyList<string> Refusals { get; } = refusals;
}
