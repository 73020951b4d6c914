using Demo.Gateway.Errors;

namespace Demo.Gateway.Configuration;

/// <summary>Refuses keys of a section that nobody reads: most are slips of the pen.</summary>
internal static class SectionKeys
{
    public static void Check(IConfigurationSection section, params string[] accepted)
    {
        foreach (var child in section.GetChildren())
        {
            if (!accepted.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
            {
                throw new ConfigurationMistakeException($"{section.Path}:{child.Key}: unknown key; accepted are {string.Join(", ", accepted)}.");
            }
        }
    }
}
