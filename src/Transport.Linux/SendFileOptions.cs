namespace Transport.Linux;

/// <summary>The cache of open files behind <c>UseSendFile</c>: what NGINX calls open_file_cache.</summary>
public sealed class SendFileOptions
{
    /// <summary>
    /// How many files stay open between responses. From 0 to 1,000,000; with 0 a file is opened for each response. Past it, the one that has not been used
    /// for the longest time is closed; responses that are being sent keep theirs. Each takes a descriptor of the process (RLIMIT_NOFILE).
    /// </summary>
    /// <remarks>Defaults to 1000.</remarks>
    public int MaxOpenFiles { get; set; } = 1000;

    /// <summary>How long a file stays open that no response uses; until then a deleted file keeps its space on the disk. From 1 second to 1 day.</summary>
    /// <remarks>Defaults to 1 minute. It is looked at four times in that time, so a file may stay open for a quarter longer.</remarks>
    public TimeSpan OpenFileIdleTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long an open file may be used before the path is looked at again. From 0, which looks each time, to 1 hour. The path is looked at in any
    /// case if the response says another time of change (Last-Modified) or another length than the open file has.
    /// </summary>
    /// <remarks>
    /// Defaults to 1 second. What can be missed for that long is a file that another one of equal length, changed in the same second, has replaced by rename. A
    /// file that is written in place is never stale: the descriptor is the file.
    /// </remarks>
    public TimeSpan OpenFileValidity { get; set; } = TimeSpan.FromSeconds(1);
}
