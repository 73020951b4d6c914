namespace Transport.Linux;

/// <summary>Receives the sockets that a <see cref="SocketListener"/> accepts.</summary>
public interface IAcceptHandler
{
    /// <summary>Called on the event loop for each accepted socket. Must not block, and owns the descriptor from here on.</summary>
    /// <param name="socket">The accepted socket.</param>
    void OnAccepted(in AcceptedSocket socket);
}
