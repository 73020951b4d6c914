using System.Net.Sockets;
using Yarp.Splice.Tests.Relay;

namespace Yarp.Splice.Tests.Model;

/// <summary>Two peers of a real session that do what a trace says, and tell what they have seen.</summary>
/// <param name="relay">The relay, without other sessions.</param>
/// <param name="trace">What the peers do.</param>
/// <param name="seed">Decides how large a unit is, when the peers read, and how fast they go on.</param>
/// <param name="possible">What they may see: says what they wait for.</param>
internal sealed class Replay(
    RelayFixture relay, IReadOnlyList<PeerStep> trace, int seed, IReadOnlySet<(PeerView Client, PeerView Upstream, bool IsEnded)> possible)
{
    private static readonly int[] s_units = [1, 700, 20_000];

    private readonly Random _random = new(seed);
    private readonly int[] _sent = new int[2];
    private readonly MemoryStream[] _received = [new(), new()];
    private readonly bool[] _isReset = new bool[2];
    private Socket[] _sockets = [];
    private byte[][] _payloads = [];
    private int _unit;

    public async Task<(PeerView Client, PeerView Upstream, bool IsEnded)> RunAsync()
    {
        _unit = s_units[_random.Next(s_units.Length)];
        _payloads = [SocketFlow.Payload(trace.Count * _unit), SocketFlow.Payload(trace.Count * _unit)];
        var connected = relay.Reports.Count;
        var (client, server) = await relay.ConnectPairAsync();
        // The model begins with a session that knows that it is connected.
        await Deadline.UntilAsync(
            () => Task.FromResult(relay.Reports.Count > connected), static () => "the session has not seen its connection to the destination");
        _sockets = [client, server];
        using (client)
        using (server)
        {
            foreach (var step in trace)
            {
                await DoAsync(step);
            }

            var seenByClient = await LookAsync(0, [.. possible.Select(static outcome => outcome.Client.End)]);
            var seenByUpstream = await LookAsync(1, [.. possible.Select(static outcome => outcome.Upstream.End)]);
            return (seenByClient, seenByUpstream, await LookAtSessionAsync());
        }
    }

    private async Task DoAsync(PeerStep step)
    {
        var socket = _sockets[step.At];
        switch (step.Kind)
        {
            case StepKind.Send:
                await socket.SendAllAsync(_payloads[step.At].AsMemory(_sent[step.At] * _unit, _unit));
                _sent[step.At]++;
                break;
            case StepKind.Finish:
                socket.Shutdown(SocketShutdown.Send);
                break;
            default:
                _isReset[step.At] = true;
                socket.Reset();
                break;
        }

        if (_random.Next(2) == 0 && !_isReset[0] && !_isReset[1])
        {
            await CatchUpAsync(1 - step.At);
        }

        if (_random.Next(4) == 0)
        {
            await Task.Delay(_random.Next(3));
        }
    }

    /// <summary>Reads what the other peer has sent.</summary>
    private async Task CatchUpAsync(int at) =>
        _received[at].Write(await _sockets[at].ReceiveExactlyAsync((_sent[1 - at] * _unit) - (int)_received[at].Length));

    private async Task<PeerView> LookAsync(int at, HashSet<PeerEnd> ends)
    {
        var end = PeerEnd.OwnReset;
        if (!_isReset[at])
        {
            Assert.True(!ends.Contains(PeerEnd.Open) || ends.Count == 1, "the model does not say whether a stream ends");
            if (ends.Contains(PeerEnd.Open))
            {
                await CatchUpAsync(at);
                Assert.False(_sockets[at].Poll(0, SelectMode.SelectRead), "more arrives than was sent, or an end");
                end = PeerEnd.Open;
            }
            else
            {
                end = await ReadToEndAsync(at);
            }
        }

        var received = _received[at].ToArray();
        Assert.True(_payloads[1 - at].AsSpan().StartsWith(received), "other bytes arrive than were sent");
        Assert.True(_isReset[at] || received.Length % _unit == 0, $"{received.Length} bytes arrive of units of {_unit}");
        return new PeerView(_isReset[at] ? 0 : received.Length / _unit, end);
    }

    private async Task<PeerEnd> ReadToEndAsync(int at)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            int count;
            while ((count = await _sockets[at].ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(RelayFixture.Deadline)) > 0)
            {
                _received[at].Write(buffer, 0, count);
            }

            return PeerEnd.Fin;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            return PeerEnd.Reset;
        }
    }

    private async Task<bool> LookAtSessionAsync()
    {
        var isEnded = possible.Any(static outcome => outcome.IsEnded);
        Assert.True(possible.All(outcome => outcome.IsEnded == isEnded), "the model does not say whether the session ends");
        if (!isEnded)
        {
            Assert.Equal(1, relay.Sessions.Count);
            _sockets[0].Reset();
            _sockets[1].Reset();
        }

        await relay.WaitUntilIdleAsync();
        return isEnded;
    }
}
