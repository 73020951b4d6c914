namespace Testing;

/// <summary>Finds programs that tests need and a machine may lack.</summary>
public static class Programs
{
    private const string PostgreSqlRoot = "/usr/lib/postgresql";
    private const string NginxModules = "/usr/lib/nginx/modules";

    /// <summary>What runs an assembly: <c>dotnet</c>, the one that runs the tests.</summary>
    public static string DotnetHost => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>The full path of the program, or of a module of NGINX's, or <see langword="null"/> if it is not installed.</summary>
    public static string? Find(string name)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Append("/sbin").Append(NginxModules);
        return PostgreSqlFolders().Concat(folders).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }

    public static string Require(string name) => Find(name) ?? throw new InvalidOperationException($"{name} is not installed.");

    /// <summary>A reason to skip, or <see langword="null"/> if all are there.</summary>
    public static string? MissingReason(IEnumerable<string> names)
    {
        var missing = names.Where(name => Find(name) is null).ToArray();
        return missing.Length == 0 ? null : $"not installed: {string.Join(", ", missing)}";
    }

    // Debian keeps the server's programs out of the path, one folder for each major version.
    private static IEnumerable<string> PostgreSqlFolders() => Directory.Exists(PostgreSqlRoot)
        ? Directory.GetDirectories(PostgreSqlRoot).OrderDescending(StringComparer.Ordinal).Select(folder => Path.Combine(folder, "bin"))
        : [];
}
