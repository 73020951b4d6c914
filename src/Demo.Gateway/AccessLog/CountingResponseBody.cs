using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;
using Transport.Linux;

namespace Demo.Gateway.AccessLog;

/// <summary>
/// A response's body whose bytes are counted, those of files included that never come through the stream. Not a StreamResponseBodyFeature: that one
/// flushes the body once the response is over, when Kestrel does not let anybody touch it any more.
/// </summary>
internal sealed class CountingResponseBody(CountingStream stream, IHttpResponseBodyFeature inner) : IHttpResponseBodyFeature
{
    private PipeWriter? _writer;

    public Stream Stream => stream;

    public PipeWriter Writer => _writer ??= PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));

    public void DisableBuffering() => inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => inner.StartAsync(cancellationToken);

    /// <summary>Passes on what was written but not flushed. To be called before the request is over.</summary>
    public ValueTask FinishAsync() => _writer?.CompleteAsync() ?? ValueTask.CompletedTask;

    public async Task CompleteAsync()
    {
        await FinishAsync();
        await inner.CompleteAsync();
    }

    public async Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
    {
        if (inner is not ISendFileFeature { CanSendFile: true } sendFile)
        {
            await inner.StartAsync(cancellationToken);
            await SendFileFallback.SendFileAsync(stream, path, offset, count, cancellationToken);
            return;
        }

        var before = sendFile.BytesSent;
        try
        {
            await inner.SendFileAsync(path, offset, count, cancellationToken);
        }
        finally
        {
            stream.AddWritten(sendFile.BytesSent - before);
        }
    }
}
