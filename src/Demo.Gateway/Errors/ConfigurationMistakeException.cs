namespace Demo.Gateway.Errors;

/// <summary>A command line or a configuration that cannot be used. Each mistake names the thing, the value and what would be accepted.</summary>
internal sealed class ConfigurationMistakeException : Exception
{
    public ConfigurationMistakeException(string message, Exception? innerException = null)
        : base(message, innerException) => Mistakes = [message];

    public ConfigurationMistakeException(IReadOnlyList<string> mistakes)
        : base(string.Join(' ', mistakes)) => Mistakes = mistakes;

    public IReadOnlyList<string> Mistakes { get; }

    /// <exception cref="ConfigurationMistakeException">There is one.</exception>
    public static void ThrowIfAny(IReadOnlyList<string> mistakes)
    {
        if (mistakes.Count > 0)
        {
            throw new ConfigurationMistakeException(mistakes);
        }
    }
}
