namespace Demo.Gateway.Check;

/// <summary>Something wrong in a configuration, and where it stands.</summary>
/// <param name="Place">The file and line, or what else the value came from; <see langword="null"/> if it stands nowhere.</param>
/// <param name="Key">The path of the key; <see langword="null"/> if there is none.</param>
/// <param name="Text">What is wrong, its value, and what would be accepted.</param>
internal sealed record Mistake(string? Place, string? Key, string Text)
{
    /// <summary>One line, as compilers write it.</summary>
    public override string ToString()
    {
        var isNamed = Key is null || Text.StartsWith(Key, StringComparison.OrdinalIgnoreCase);
        return (Place is null ? "" : $"{Place}: ") + (isNamed ? "" : $"{Key}: ") + Text;
    }
}
