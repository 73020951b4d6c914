namespace Yarp.Splice.Tests.Model;

/// <summary>What the kernel knows of one of the relay's sockets.</summary>
[Flags]
internal enum SocketFacts : ushort
{
    None = 0,

    /// <summary>FIN has come.</summary>
    Fin = 1,

    /// <summary>RST has come.</summary>
    Reset = 2,

    /// <summary>An error waits to be told, once (SO_ERROR).</summary>
    Error = 4,

    /// <summary>The relay has finished sending (shutdown or close).</summary>
    Shut = 8,

    Closed = 16,

    /// <summary>Someone was told that the send queue is full, and is to hear when it no longer is.</summary>
    NoSpace = 32,

    /// <summary>The peer has received FIN.</summary>
    GotFin = 64,

    /// <summary>The peer has received RST.</summary>
    GotReset = 128,

    /// <summary>On epoll's ready list.</summary>
    Ready = 256,

    /// <summary>epoll shall tell when the socket becomes readable.</summary>
    WantsIn = 512,

    /// <summary>epoll shall tell when the socket becomes writable.</summary>
    WantsOut = 1024,
}
