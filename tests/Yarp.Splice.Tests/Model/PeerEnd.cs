namespace Yarp.Splice.Tests.Model;

/// <summary>How a peer's stream ends, as the peer sees it.</summary>
internal enum PeerEnd : byte
{
    Open,
    Fin,
    Reset,

    /// <summary>It has reset the connection itself, and sees nothing more.</summary>
    OwnReset,
}
