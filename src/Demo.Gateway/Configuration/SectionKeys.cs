namespace Demo.Gateway.Configuration;

/// <summary>Finds keys of a section that nobody reads: most are slips of the pen.</summary>
internal static class SectionKeys
{
    public static void Check(IConfigurationSection section, List<string> mistakes, params string[] accepted)
    {
        foreach (var child in section.GetChildren())
        {
            if (!accepted.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
            {
                mistakes.Add($"{section.Path}:{child.Key}: unknown key; accepted are {string.Join(", ", accepted)}.");
            }
        }
    }
}
