using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using Yarp.Splice.Relay.Managed;

namespace Yarp.Splice.Health;

/// <summary>
/// Carries a <see cref="TcpProbeRequest"/> out: connects, sends, waits for what is expected. Answers 200, or throws the reason why the destination is not
/// well; the request's token is the timeout.
/// </summary>
internal sealed class TcpProbeHandler : HttpMessageHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var probe = (TcpProbeRequest)request;
        using var socket = await AddressRace.ConnectAsync(await probe.Address.ResolveAsync(cancellationToken), source: null, cancellationToken);
        for (ReadOnlyMemory<byte> left = probe.Settings.Send; !left.IsEmpty;)
        {
            left = left[await socket.SendAsync(left, cancellationToken)..];
        }

        if (probe.Settings.Expect.Length > 0)
        {
            await ExpectAsync(socket, probe.Settings.Expect, cancellationToken);
        }

        return new HttpResponseMessage(HttpStatusCode.OK) { RequestMessage = request };
    }

    private static async Task ExpectAsync(Socket socket, byte[] expected, CancellationToken cancellationToken)
    {
        var answer = new byte[ClusterHealthSettings.MaxAnswer];
        for (var length = 0; length < answer.Length;)
        {
            var received = await socket.ReceiveAsync(answer.AsMemory(length), cancellationToken);
            length += received;
            if (answer.AsSpan(0, length).IndexOf(expected) >= 0)
            {
                return;
            }

            if (received == 0)
            {
                break;
            }
        }

        throw new IOException("The destination did not answer what Splice.HealthExpect says.");
    }
}
