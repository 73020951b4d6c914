using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Transport.Linux.Files;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <content>
/// Pieces of files among the bytes of the output pipe, sent with sendfile(2). A send that would wait for a disk goes on on a thread of the pool: the event
/// loop does not wait.
/// </content>
internal sealed partial class LinuxConnection : IFileSendFeature
{
    private readonly FileOutputWriter? _fileWriter;
    private FileSends? _files;

    public bool CanSendFiles => _fileWriter is not null && ReferenceEquals(Transport, _originalTransport);

    public FileSegment Lend(OpenFile file, long offset, int length)
    {
        // Seen by the send loop before the segment, which it gets through the pipe's lock.
        _files ??= new FileSends();
        var segment = new FileSegment(file, offset, length);
        _fileWriter!.Lend(segment);
        return segment;
    }

    public bool EndLending() => _fileWriter!.EndLending();

    public void Abort(string reason) => Abort(new ConnectionAbortedException(reason));

    /// <summary>Sends what comes first: the bytes up to the next piece of a file, or of that as much as the socket takes.</summary>
    private nint SendWithFiles(FileSends files, in ReadOnlySequence<byte> buffer, int flags)
    {
        var bytes = 0L;
        foreach (var memory in buffer)
        {
            if (memory.IsEmpty || !MemoryMarshal.TryGetMemoryManager<byte, FileSegment>(memory, out var segment, out var start, out var length))
            {
                bytes += memory.Length;
                continue;
            }

            // A response's head goes out in one packet with the first bytes of the file.
            return bytes > 0 ? Send(buffer.Slice(0, bytes), flags | SocketCalls.MSG_MORE) : SendFile(files, segment, start, length);
        }

        return Send(buffer, flags);
    }

    private nint SendFile(FileSends files, FileSegment segment, int start, int length)
    {
        var sent = segment.TrySend(_descriptor, start, length, mayWait: Thread.CurrentThread.IsThreadPoolThread);
        switch (sent)
        {
            case > 0:
                files.Add(sent);
                _zeroCopy?.AddOrdinary(sent);
                break;
            case FileSegment.NotCached:
                files.AddWait();
                break;
            case FileSegment.FileEnded:
                TransportLog.FileEnded(_logger, ConnectionId, segment.Path);
                Abort("The file ended before the response did.");
                break;
            case -Errno.EIO or -Errno.EINVAL or -Errno.ESTALE:
                TransportLog.FileFailed(_logger, ConnectionId, segment.Path, Errno.Describe((int)-sent));
                Abort("The file could not be read.");
                break;
        }

        return sent;
    }
}
