namespace Transport.Linux.Interop;

/// <summary>What statx(2) says of a file.</summary>
/// <param name="Device">Its file system's device, major and minor number in one.</param>
/// <param name="Inode">Its number there; with the device it names the file.</param>
/// <param name="Length">In bytes.</param>
/// <param name="ModifiedSeconds">The time of its last change, in seconds since 1970.</param>
/// <param name="ModifiedNanoseconds">What to add to that.</param>
/// <param name="IsRegular">Whether it is a regular file, not a directory, device or pipe.</param>
internal readonly record struct FileStatus(
    ulong Device, ulong Inode, long Length, long ModifiedSeconds, uint ModifiedNanoseconds, bool IsRegular)
{
    public bool IsSameFile(in FileStatus other) => Device == other.Device && Inode == other.Inode;
}
