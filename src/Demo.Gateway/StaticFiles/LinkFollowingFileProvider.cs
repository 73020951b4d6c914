using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Primitives;

namespace Demo.Gateway.StaticFiles;

/// <summary>
/// The files of a folder, with the length and time of what is sent: the physical provider says of a symbolic link how long the link is, and a response of
/// that length would be cut. Which paths lead to a file at all stays its decision.
/// </summary>
internal sealed class LinkFollowingFileProvider(PhysicalFileProvider inner) : IFileProvider, IDisposable
{
    public IFileInfo GetFileInfo(string subpath)
    {
        var file = inner.GetFileInfo(subpath);
        if (file.PhysicalPath is not { } path || !file.Exists)
        {
            return file;
        }

        var link = new FileInfo(path);
        return (link.Attributes & FileAttributes.ReparsePoint) != 0 && link.ResolveLinkTarget(returnFinalTarget: true) is FileInfo { Exists: true } target
            ? new LinkedFile(file, target)
            : file;
    }

    public IDirectoryContents GetDirectoryContents(string subpath) => inner.GetDirectoryContents(subpath);

    public IChangeToken Watch(string filter) => inner.Watch(filter);

    public void Dispose() => inner.Dispose();

    private sealed class LinkedFile(IFileInfo link, FileInfo target) : IFileInfo
    {
        public bool Exists => true;

        public bool IsDirectory => false;

        public DateTimeOffset LastModified { get; } = target.LastWriteTimeUtc;

        public long Length { get; } = target.Length;

        public string Name => link.Name;

        public string? PhysicalPath => link.PhysicalPath;

        public Stream CreateReadStream() => target.OpenRead();
    }
}
