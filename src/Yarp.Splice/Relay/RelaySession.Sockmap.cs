using Transport.Linux.Interop;
using Yarp.Splice.Interop;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Relay;

/// <content>
/// Mode Sockmap: a session begins with Copy and is armed once it has shown that it lives. From then on the kernel moves the bytes; the session
/// hears of the ends, of errors, and of what the verdict leaves to it.
/// </content>
internal sealed partial class RelaySession
{
    private const string NotInternet = "the client or the destination is connected by a Unix-domain socket";
    private const string HalfClosed = "the client or the destination had finished sending before the kernel could take over";

    private SockmapProgram? _program;
    private SockmapPath? _armedToUpstream;
    private SockmapPath? _armedToClient;
    private int _transfers;

    private bool IsInKernel => _armedToUpstream is not null || _armedToClient is not null;

    private bool IsDamaged => _armedToUpstream is { Failure: not SockmapFailure.None } || _armedToClient is { Failure: not SockmapFailure.None };

    public void OnTransfer()
    {
        _transfers++;
        OnActivity();
    }

    /// <summary>Something has changed that no readiness tells.</summary>
    public void OnSockmapEvent()
    {
        if (_state is State.Relaying or State.Resetting)
        {
            Advance();
        }
    }

    /// <summary>Whether the session is to be armed later; if not although its mode asks for it, says why.</summary>
    private bool WillArm()
    {
        if (Route.Mode != SpliceMode.Sockmap)
        {
            return false;
        }

        if (_engine.Sockmap is not { Program: { } program } support)
        {
            _engine.ReportFallback(Route, SpliceMode.Sockmap, SpliceMode.Splice, _engine.Sockmap.Reason!);
        }
        else if (!SocketStateCalls.IsInternet(_client.Descriptor) || !SocketStateCalls.IsInternet(_upstream!.Descriptor))
        {
            _engine.ReportFallback(Route, SpliceMode.Sockmap, SpliceMode.Splice, NotInternet);
        }
        else
        {
            _program = program;
        }

        return _program is not null;
    }

    private void ArmIfReady()
    {
        if (_program is not { } program || _transfers < _engine.TransfersBeforeArming || _state != State.Relaying)
        {
            return;
        }

        if (_client.IsEndSeen || _upstream!.IsEndSeen)
        {
            // ESTABLISHED is what the kernel asks for.
            FallBackToSplice(HalfClosed);
            return;
        }

        if (!_toUpstream!.CanArm || !_toClient!.CanArm)
        {
            return;
        }

        var error = program.Arm(_client.Descriptor, _upstream.Descriptor, _loop.Index, out var toUpstream, out var toClient);
        if (error != 0)
        {
            FallBackToSplice(Explain(error));
        }

        _program = null;
        _armedToUpstream = Arm(_toUpstream, toUpstream);
        _armedToClient = Arm(_toClient, toClient);
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
        return path;
    }

    private void FallBackToSplice(string reason)
    {
        _program = null;
        _engine.ReportFallback(Route, SpliceMode.Sockmap, SpliceMode.Splice, reason);
        var policy = _engine.PolicyOf(SpliceMode.Splice);
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
                _engine.OnOverlaps(Route, path.Overlaps);
                Worker.Armed!.Remove(path);
                path.Release();
            }
        }
    }

    private static string Explain(int error) => error switch
    {
        Errno.EOPNOTSUPP => HalfClosed,
        Errno.EINVAL => "another protocol (TLS in the kernel, MPTCP) is on the socket",
        Errno.EBUSY => "another program has the socket in a sockmap",
        Errno.E2BIG => "as many sessions are armed as the maps can hold",
        _ => $"a socket could not be armed: {Errno.Describe(error)}",
    };
}
