namespace Testing;

/// <summary>An empty folder for temporary files, which is deleted with all that is in it.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder;

    /// <param name="name">What its name begins with, to know whose it is.</param>
    public TemporaryFolder(string name) => _folder = Directory.CreateTempSubdirectory($"{name}-");

    public string FullName => _folder.FullName;

    /// <summary>The path of a file in it.</summary>
    public string this[string file] => Path.Combine(FullName, file);

    public void Dispose() => _folder.Delete(recursive: true);
}
