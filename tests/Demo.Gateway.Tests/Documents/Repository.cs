using System.Reflection;
using Testing;

namespace Demo.Gateway.Tests.Documents;

/// <summary>The files of the clone that the tests were built from.</summary>
internal static class Repository
{
    private static readonly string[] s_notOurs = ["artifacts", "bin", "obj"];

    public static string Root { get; } = Path.GetFullPath(typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(static attribute => attribute.Key == "RepositoryRoot").Value!);

    /// <summary>Every page, by its path in the repository.</summary>
    public static IReadOnlyDictionary<string, MarkdownPage> Pages { get; } = FindFiles("", "*.md")
        .ToDictionary(static path => path, static path => new MarkdownPage(File.ReadAllText(Path.Combine(Root, path))), StringComparer.Ordinal);

    public static MarkdownPage Page(string path) => Pages[path];

    /// <summary>Paths in the repository of all files below a folder that match a pattern; build output and hidden folders are left out.</summary>
    public static IEnumerable<string> FindFiles(string folder, string pattern)
    {
        var full = Path.Combine(Root, folder);
        var files = Directory.GetFiles(full, pattern).Select(static path => Path.GetRelativePath(Root, path));
        var folders = Directory.GetDirectories(full).Select(static path => Path.GetFileName(path))
            .Where(static name => !name.StartsWith('.') && !s_notOurs.Contains(name));
        return files.Concat(folders.SelectMany(name => FindFiles(Path.Combine(folder, name), pattern))).Order(StringComparer.Ordinal);
    }
}
