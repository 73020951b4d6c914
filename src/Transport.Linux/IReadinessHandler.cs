namespace Transport.Linux;

/// <summary>Receives the events of one descriptor that is registered with an <see cref="EventLoop"/>.</summary>
public interface IReadinessHandler
{
    /// <summary>
    /// Called on the event loop when the descriptor's readiness changed. Must not block. An exception that escapes is logged as an
    /// error and the loop goes on; the descriptor stays registered.
    /// </summary>
    /// <param name="readiness">What became true. Several flags may be set at once.</param>
    void OnReady(Readiness readiness);
}
