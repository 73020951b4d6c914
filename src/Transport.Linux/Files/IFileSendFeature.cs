namespace Transport.Linux.Files;

/// <summary>Puts pieces of files into a connection's output. A feature of every connection of this transport.</summary>
internal interface IFileSendFeature
{
    /// <summary>Whether what the application writes goes to the socket as it is, and the application has asked for files (AddSendFile).</summary>
    bool CanSendFiles { get; }

    /// <summary>Lends the memory of a piece of a file to the next one that writes to the connection's output, until <see cref="EndLending"/>.</summary>
    FileSegment Lend(OpenFile file, long offset, int length);

    /// <summary>Ends the lending; whether the piece was written.</summary>
    bool EndLending();

    /// <summary>Resets the connection: what it has sent of a response must not be taken for all of it.</summary>
    void Abort(string reason);
}
