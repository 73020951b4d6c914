using System.Net;
using System.Net.Sockets;
using Transport.Linux;
using Transport.Linux.Connections;
using Transport.Linux.Descriptors;
using Transport.Linux.Interop;
using Yarp.Splice.Interop;

namespace Yarp.Splice.Relay;

/// <content>
/// The addresses of one destination, side by side (Happy Eyeballs, RFC 8305): the next one is tried when one has failed, or has not answered for a
/// quarter of a second, and the first to answer wins.
/// </content>
internal sealed partial class RelaySession
{
    private EndPoint[] _addresses = [];
    private int _nextAddress;
    private RelayEndpoint? _newestAttempt;

    // Those that had not answered when the next one was started; most sessions never have any.
    private List<RelayEndpoint>? _olderAttempts;

    private bool IsAnyAttemptLeft => _newestAttempt is not null || _olderAttempts is { Count: > 0 };

    private void TryAddresses(EndPoint[] addresses)
    {
        _addresses = SourceAddress.Reachable(addresses, Route.BindSource);
        _nextAddress = 0;
        if (_addresses.Length == 0)
        {
            OnDestinationFailed(SourceAddress.OtherFamily, isOwnFault: true);
            return;
        }

        TryNextAddress(0);
    }

    /// <param name="failure">The error number of the address before; zero if it has just not answered yet.</param>
    private void TryNextAddress(int failure)
    {
        while (_nextAddress < _addresses.Length)
        {
            failure = StartConnect(_addresses[_nextAddress++]);
            if (failure == 0)
            {
                ArmWhileConnecting();
                return;
            }
        }

        if (IsAnyAttemptLeft)
        {
            ArmWhileConnecting();
        }
        else
        {
            OnAllAddressesFailed(failure);
        }
    }

    private void ArmWhileConnecting()
    {
        // A Unix socket may have connected at once.
        if (_state == State.Connecting)
        {
            var left = TimeSpan.FromMilliseconds(_connectDeadlineMs - _loop.NowMs);
            _loop.Arm(this, _nextAddress < _addresses.Length && HappyEyeballs.AttemptDelay < left ? HappyEyeballs.AttemptDelay : left);
        }
    }

    private void OnTimerWhileConnecting()
    {
        if (_loop.NowMs < _connectDeadlineMs && _nextAddress < _addresses.Length)
        {
            TryNextAddress(0);
        }
        else if (_addresses.Length == 0)
        {
            OnDestinationFailed(NameTimedOut);
        }
        else
        {
            OnAllAddressesFailed(Errno.ETIMEDOUT);
        }
    }

    /// <summary>Zero if the attempt is under way or has succeeded, else the error number.</summary>
    private int StartConnect(EndPoint endPoint)
    {
        var address = NativeSocketAddress.ToBytes(endPoint).Span;
        var descriptor = CreateSocket(NativeSocketAddress.Family(address));
        if (descriptor < 0)
        {
            return -descriptor;
        }

        if (endPoint is IPEndPoint)
        {
            _ = SocketCalls.SetOption(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_OOBINLINE, 1);
            Route.SocketOptions?.Apply(descriptor);
        }

        var result = endPoint is IPEndPoint && Route.BindSource is { } source ? SourceAddress.Bind(descriptor, source) : 0;
        result = result < 0 ? result : SocketCalls.Connect(descriptor, address);
        if (result < 0 && result != -Errno.EINPROGRESS)
        {
            _ = SocketCalls.Close(descriptor);
            return -result;
        }

        var attempt = new RelayEndpoint(this, descriptor);
        try
        {
            attempt.Register(_loop);
        }
        catch (SocketException)
        {
            attempt.Close(_loop, reset: true);
            return Errno.ENOMEM;
        }

        if (_newestAttempt is not null)
        {
            (_olderAttempts ??= []).Add(_newestAttempt);
        }

        _newestAttempt = attempt;
        if (result == 0)
        {
            // Unix sockets connect at once.
            attempt.IsWritable = true;
            Win(attempt, isReset: false);
        }

        return 0;
    }

    private int CreateSocket(int family)
    {
        var descriptor = OutgoingSocket.Create(family, Worker.Descriptors);
        var isShort = descriptor is -Errno.EMFILE or -Errno.ENFILE || Worker.Descriptors.IsReachedBy(descriptor);
        // A connection matters more than a pipe.
        return isShort && Worker.Pipes.CloseIdle() && descriptor < 0 ? OutgoingSocket.Create(family, Worker.Descriptors) : descriptor;
    }

    private void OnAttemptReady(RelayEndpoint attempt, Readiness readiness)
    {
        var error = attempt.TakeError(readiness);
        // A destination that took the connection, said why it can't serve ("too many connections"), and reset it has answered.
        if (error == 0 || SocketStateCalls.UnreadBytes(attempt.Descriptor) > 0)
        {
            Win(attempt, isReset: error != 0);
            return;
        }

        TakeOut(attempt);
        attempt.Close(_loop, reset: true);
        TryNextAddress(error);
    }

    private void Win(RelayEndpoint attempt, bool isReset)
    {
        TakeOut(attempt);
        CloseAttempts();
        _upstream = attempt;
        OnConnected(isReset);
    }

    private void OnAllAddressesFailed(int errno)
    {
        CloseAttempts();
        _addresses = [];
        _nextAddress = 0;
        _wasReset = errno is Errno.ECONNRESET or Errno.EPIPE;
        if (errno is Errno.EMFILE or Errno.ENFILE)
        {
            // No fault of the destination, and another one could not be reached either.
            EndAttempt(NoDescriptor);
            GiveUp();
            return;
        }

        var reason = errno == Errno.EADDRNOTAVAIL && Route.BindSource is not null ? SourceAddress.NotAvailable : Errno.Describe(errno);
        // Local ports or the kernel's memory have run out.
        OnDestinationFailed(reason, isOwnFault: errno is Errno.EADDRNOTAVAIL or Errno.ENOBUFS or Errno.ENOMEM);
    }

    private void TakeOut(RelayEndpoint attempt)
    {
        if (_newestAttempt == attempt)
        {
            _newestAttempt = null;
        }
        else
        {
            _olderAttempts?.Remove(attempt);
        }
    }

    private void CloseAttempts()
    {
        _newestAttempt?.Close(_loop, reset: true);
        _newestAttempt = null;
        _olderAttempts?.ForEach(attempt => attempt.Close(_loop, reset: true));
        _olderAttempts?.Clear();
    }
}
