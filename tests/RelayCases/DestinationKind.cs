namespace RelayCases;

/// <summary>What a destination of a route is.</summary>
public enum DestinationKind
{
    /// <summary>A listener on 127.0.0.1.</summary>
    Listening,

    /// <summary>A listener on ::1.</summary>
    ListeningOnIPv6,

    /// <summary>A listening Unix-domain socket.</summary>
    ListeningOnUnixSocket,

    /// <summary>A port that nobody listens on.</summary>
    Refusing,

    /// <summary>A listener whose accept queue is full, so that SYN is not answered until room is made.</summary>
    NotAnswering,
}
