using Microsoft.AspNetCore.Http.Features;
using Transport.Linux;

namespace Demo.Gateway.AccessLog;

/// <summary>A response's body whose bytes are counted, those of files included that never come through the stream.</summary>
internal sealed class CountingResponseBody(CountingStream stream, IHttpResponseBodyFeature inner) : StreamResponseBodyFeature(stream, inner)
{
    public override Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken) =>
        PriorFeature is ISendFileFeature { CanSendFile: true } sendFile
            ? SendFileAsync(PriorFeature, sendFile, path, offset, count, cancellationToken)
            : base.SendFileAsync(path, offset, count, cancellationToken);

    private async Task SendFileAsync(
        IHttpResponseBodyFeature body, ISendFileFeature sendFile, string path, long offset, long? count, CancellationToken cancellationToken)
    {
        var before = sendFile.BytesSent;
        try
        {
            await body.SendFileAsync(path, offset, count, cancellationToken);
        }
        finally
        {
            ((CountingStream)Stream).AddWritten(sendFile.BytesSent - before);
        }
    }
}
