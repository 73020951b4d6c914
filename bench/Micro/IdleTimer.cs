using Transport.Linux;

namespace Bench.Micro;

/// <summary>A timer that counts its firings.</summary>
internal sealed class IdleTimer : EventLoopTimer
{
    public int Fired { get; private set; }

    protected internal override void OnTimer() => Fired++;
}
