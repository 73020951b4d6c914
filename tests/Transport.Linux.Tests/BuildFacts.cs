using System.Reflection;

namespace Transport.Linux.Tests;

/// <summary>What the build wrote into the test assembly.</summary>
internal static class BuildFacts
{
    public static string PlainAppPath => Get("PlainAppPath");

    public static string RepositoryRoot => Path.GetFullPath(Get("RepositoryRoot"));

    public static string Configuration => Get("Configuration");

    private static string Get(string key) =>
        typeof(BuildFacts).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
