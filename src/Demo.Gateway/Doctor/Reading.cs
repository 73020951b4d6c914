using System.Diagnostics.CodeAnalysis;

namespace Demo.Gateway.Doctor;

/// <summary>A file of the kernel's, or why it could not be read.</summary>
internal readonly record struct Reading(string Path, string? Text, string? Obstacle)
{
    [MemberNotNullWhen(true, nameof(Text))]
    [MemberNotNullWhen(false, nameof(Obstacle))]
    public bool IsRead => Text is not null;

    /// <summary>The line that begins with a key, without the key and the spaces around; <see langword="null"/> if there is none.</summary>
    public string? Line(string key)
    {
        foreach (var line in (Text ?? "").Split('\n'))
        {
            if (line.StartsWith(key, StringComparison.Ordinal))
            {
                return line[key.Length..].Trim();
            }
        }

        return null;
    }
}
