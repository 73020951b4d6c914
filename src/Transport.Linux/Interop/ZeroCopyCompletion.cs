namespace Transport.Linux.Interop;

/// <summary>
/// A range of MSG_ZEROCOPY sends of one socket whose memory the kernel no longer reads. Sends are numbered from zero, and the numbers wrap.
/// </summary>
/// <param name="First">The first send of the range.</param>
/// <param name="Last">The last send of the range, inclusive.</param>
/// <param name="IsCopied">Whether the kernel copied the bytes after all.</param>
internal readonly record struct ZeroCopyCompletion(uint First, uint Last, bool IsCopied);
