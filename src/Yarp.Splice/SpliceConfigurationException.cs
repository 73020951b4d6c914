namespace Yarp.Splice;

/// <summary>The configuration of TCP routes cannot be used.</summary>
public sealed class SpliceConfigurationException : Exception
{
    /// <summary>Creates the exception for one or more mistakes.</summary>
    /// <param name="mistakes">One line each: what is wrong, its value, and what would be accepted.</param>
    public SpliceConfigurationException(IReadOnlyList<string> mistakes)
        : this(mistakes, null)
    {
    }

    /// <summary>Creates the exception for one or more mistakes that another exception showed.</summary>
    /// <param name="mistakes">One line each: what is wrong, its value, and what would be accepted.</param>
    /// <param name="innerException">The other exception.</param>
    public SpliceConfigurationException(IReadOnlyList<string> mistakes, Exception? innerException)
        : base(string.Join(' ', mistakes), innerException)
    {
        Mistakes = mistakes;
    }

    /// <summary>All mistakes that were found, one line each.</summary>
    public IReadOnlyList<string> Mistakes { get; }
}
