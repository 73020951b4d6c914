namespace Demo.Gateway.Doctor;

/// <summary>Reads what the kernel says of itself under /proc and /sys. Tests give another root.</summary>
internal sealed class SystemFiles(string root = "/")
{
    /// <summary>Where a path is under the root.</summary>
    public string Locate(string path) => Path.Combine(root, path.TrimStart('/'));

    /// <summary>The text of a file, without spaces at its ends.</summary>
    public Reading Read(string path)
    {
        try
        {
            return new Reading(path, File.ReadAllText(Locate(path)).Trim(), null);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return new Reading(path, null, "there is no such file");
        }
        catch (UnauthorizedAccessException)
        {
            return new Reading(path, null, "no permission");
        }
        catch (IOException exception)
        {
            return new Reading(path, null, exception.Message);
        }
    }

    /// <summary>A file of /proc/sys, by the name that sysctl(8) gives it.</summary>
    public Reading ReadSysctl(string name) => Read("/proc/sys/" + name.Replace('.', '/'));

    /// <summary>What is in a folder, in order; nothing if it cannot be read.</summary>
    public IReadOnlyList<string> List(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(Locate(folder)).Select(static entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public bool Exists(string path) => Path.Exists(Locate(path));

    /// <summary>The last part of what a link points to; <see langword="null"/> if it is none.</summary>
    public string? LinkedName(string path)
    {
        try
        {
            return Path.GetFileName(new FileInfo(Locate(path)).LinkTarget);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
