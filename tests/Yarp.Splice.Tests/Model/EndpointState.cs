namespace Yarp.Splice.Tests.Model;

/// <summary>One of the relay's two sockets, and its peer.</summary>
internal struct EndpointState
{
    /// <summary>TCP's receive queue. The second byte of a segment has the mark.</summary>
    public ByteQueue Received;

    /// <summary>Passed by the verdict, readable (psock's ingress_msg).</summary>
    public ByteQueue Passed;

    /// <summary>What the kernel's worker has to do (psock's ingress_skb): redirected to this socket; marked, passed bytes of its own.</summary>
    public ByteQueue Waiting;

    /// <summary>TCP's send queue.</summary>
    public ByteQueue Unacknowledged;

    public SocketFacts Facts;

    public Known Known;

    /// <summary>Bytes that the peer has sent.</summary>
    public byte Sent;

    /// <summary>Bytes that the peer has received.</summary>
    public byte Got;

    public readonly bool Has(SocketFacts fact) => (Facts & fact) != 0;

    public readonly bool Knows(Known fact) => (Known & fact) != 0;

    public void Set(SocketFacts fact, bool value = true) => Facts = value ? Facts | fact : Facts & ~fact;

    public void Learn(Known fact, bool value = true) => Known = value ? Known | fact : Known & ~fact;
}
