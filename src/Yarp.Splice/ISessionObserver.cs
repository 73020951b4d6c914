namespace Yarp.Splice;

/// <summary>Hears of every TCP session's end, for an access log for example. Register implementations as services.</summary>
public interface ISessionObserver
{
    /// <summary>A session has ended, or a connection was refused before it became one. Called on the thread that moves other sessions' bytes: it must
    /// not block and must not throw.</summary>
    /// <param name="session">What is known of it.</param>
    void OnEnded(SessionRecord session);
}
