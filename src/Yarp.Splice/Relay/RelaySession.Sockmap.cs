using Transport.Linux.Interop;
using Yarp.Splice.Interop;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Rules;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Relay;

/// <content>
/// Mode Sockmap: a session begins with Copy and is armed once it has shown that it lives; in mode Auto with Splice:PauseImmune, once it has shown
/// that it is interactive too. From then on the kernel moves the bytes; the session hears of the ends, of errors, and of what the verdict leaves
/// to it.
/// </content>
internal sealed partial class RelaySession
{
    private const string Multipath = "the client or the destination is connected by Multipath TCP";
    private const string NotTcp = "the client or the destination is connected by a Unix-domain socket";
    private const string HalfClosed = "the client or the destination had finished sending before the kernel could take over";

    private SockmapPath? _armedToUpstream;
    private SockmapPath? _armedToClient;
    private Conversation? _conversation;
    private bool _awaitsArming;
    private int _transfers;

    private bool IsInKernel => _armedToUpstream is not null || _armedToClient is not null;

    private bool IsDamaged => _armedToUpstream is { Failure: not SockmapFailure.None } || _armedToClient is { Failure: not SockmapFailure.None };

    public void OnTransfer(RelayDirection direction, long bytes)
    {
        _transfers++;
        _turnBytes += bytes;
        _conversation?.Count(direction == _toUpstream, bytes);
        OnActivity();
    }

    private bool IsWorthArming => _conversation is null
        ? _transfers >= _engine.TransfersBeforeArming
        : _conversation.IsInteractive && _loop.NowMs - _startedMs >= (long)Conversation.AgeNeeded.TotalMilliseconds;

    /// <summary>The policy of a new session, which copies first if it is to be armed whatever it does.</summary>
    private PathPolicy ChoosePolicy()
    {
        if (Route.PauseImmune)
        {
            _conversation = new Conversation();
            _awaitsArming = true;
        }
        else if (Route.Mode == SpliceMode.Sockmap)
        {
            if (FindObstacle() is not { } obstacle)
            {
                _awaitsArming = true;
                return PathPolicy.Copy;
            }

            ReportFallback(SpliceMode.Sockmap, SpliceMode.Splice, obstacle);
        }

        return _engine.PolicyOf(Route.Mode);
    }

    /// <summary>Why the kernel can't relay this session at all, or <see langword="null"/>.</summary>
    private string? FindObstacle()
    {
        if (_engine.Sockmap is { Program: null } support)
        {
            return support.Reason;
        }

        return FindObstacle(_client) ?? FindObstacle(_upstream!);
    }

    private static string? FindObstacle(RelayEndpoint endpoint) => SocketStateCalls.GetProtocol(endpoint.Descriptor) switch
    {
        SocketCalls.IPPROTO_TCP => null,
        SocketStateCalls.IPPROTO_MPTCP => Multipath,
        _ => NotTcp,
    };

    private void ArmIfReady()
    {
        if (!_awaitsArming || !IsWorthArming || _state != State.Relaying)
        {
            return;
        }

        switch (SessionRules.Arming(_client.IsEndSeen || _upstream!.IsEndSeen, _toUpstream!.CanArm && _toClient!.CanArm))
        {
            case ArmingStep.Wait:
                return;
            case ArmingStep.GiveUp:
                _awaitsArming = false;
                // An interactive session that ends by now has lost nothing.
                if (_conversation is null)
                {
                    FallBack(HalfClosed);
                }

                return;
        }

        if (_conversation is not null && FindObstacle() is { } obstacle)
        {
            FallBack(obstacle);
            return;
        }

        var error = _engine.Sockmap.Program!.Arm(
            _client.Descriptor, _upstream!.Descriptor, _loop.Index, out var toUpstream, out var toClient, out var mustReceive);
        if (error != 0)
        {
            FallBack(Explain(error), mustCopy: mustReceive);
        }

        _awaitsArming = false;
        _conversation = null;
        _armedToUpstream = Arm(_toUpstream!, toUpstream);
        _armedToClient = Arm(_toClient!, toClient);
        if (IsInKernel)
        {
            _engine.OnArmed(Route, 1);
        }
    }

    private SockmapPath? Arm(RelayDirection direction, SockmapDirection? kernel)
    {
        if (kernel is null)
        {
            return null;
        }

        var path = new SockmapPath(this, direction, kernel);
        Worker.Armed!.Add(path);
        direction.Arm(path);
        direction.Tally.Attach(path);
        return path;
    }

    /// <summary>The session will never be armed.</summary>
    private void FallBack(string reason, bool mustCopy = false)
    {
        _awaitsArming = false;
        _conversation = null;
        var effective = mustCopy ? SpliceMode.Copy : Route.PauseImmune ? SpliceMode.Auto : SpliceMode.Splice;
        if (Route.PauseImmune)
        {
            _pathReason = reason;
            _engine.ReportNotImmune(Route, effective, reason);
        }
        else
        {
            ReportFallback(SpliceMode.Sockmap, effective, reason);
        }

        var policy = _engine.PolicyOf(effective);
        _toUpstream!.Follow(policy);
        _toClient!.Follow(policy);
    }

    /// <summary>An armed session is not woken by the bytes that it need not touch.</summary>
    private void LimitInterest()
    {
        if (IsInKernel && _state != State.Ended)
        {
            _client.LimitInterest(_loop, _toUpstream!.NeedsReadable, !_client.IsWritable);
            _upstream!.LimitInterest(_loop, _toClient!.NeedsReadable, !_upstream.IsWritable);
        }
    }

    /// <summary>Bytes that the kernel moved by itself count as activity too.</summary>
    private void CountKernelActivity()
    {
        if (IsInKernel &&
            SocketStateCalls.GetTcpInfo(_client.Descriptor, out var client) == 0 &&
            SocketStateCalls.GetTcpInfo(_upstream!.Descriptor, out var upstream) == 0)
        {
            var quietMs = Math.Min(client.LastDataReceivedMs, upstream.LastDataReceivedMs);
            _lastActivityMs = Math.Max(_lastActivityMs, _loop.NowMs - quietMs);
        }
    }

    private void EndDamaged()
    {
        var failure = _armedToUpstream is { Failure: not SockmapFailure.None and var found } ? found : _armedToClient!.Failure;
        _engine.OnDamaged(Route, failure);
        End(RelayOutcome.Damaged, resetClient: true, resetUpstream: true);
    }

    /// <summary>The sockets are closed and the counters read.</summary>
    private void Disarm()
    {
        if (!IsInKernel)
        {
            return;
        }

        _engine.OnArmed(Route, -1);
        foreach (var path in new[] { _armedToUpstream, _armedToClient })
        {
            if (path is not null)
            {
                _engine.OnSegments(Route, path.Overlaps, path.Refused);
                (path == _armedToUpstream ? _toUpstream! : _toClient!).Tally.Detach(path);
                Worker.Armed!.Remove(path);
                path.Release();
            }
        }
    }

    private static string Explain(int error) => error switch
    {
        Errno.EOPNOTSUPP => HalfClosed,
        Errno.EINVAL => "another protocol (TLS in the kernel) is on the socket",
        Errno.EBUSY => "another program has the socket in a sockmap",
        Errno.E2BIG => "as many sessions are armed as the maps can hold",
        _ => $"a socket could not be armed: {Errno.Describe(error)}",
    };
}
