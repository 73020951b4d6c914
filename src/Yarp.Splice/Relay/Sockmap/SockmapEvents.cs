using System.Net.Sockets;
using Transport.Linux;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary>The armed directions of one event loop, and what the verdict tells about them through that loop's ring buffer.</summary>
internal sealed class SockmapEvents(EventLoop loop, SockmapProgram program) : EventLoopTimer, IReadinessHandler
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<int, SockmapPath> _paths = [];
    private EventRegistration? _registration;
    private ulong _overruns;

    public void Register()
    {
        try
        {
            _registration = loop.Register(program.Rings[loop.Index].Map.Descriptor, Readiness.Readable, this);
        }
        catch (SocketException)
        {
            // Out of memory or of epoll watches (epoll_ctl(2)). What the ring holds by then is reported at once.
            loop.Arm(this, s_pause);
        }
    }

    public void Unregister()
    {
        loop.Cancel(this);
        if (_registration is { } registration)
        {
            _registration = null;
            loop.Unregister(registration);
        }
    }

    public void Add(SockmapPath path) => _paths.Add(path.SlotIndex, path);

    public void Remove(SockmapPath path) => _paths.Remove(path.SlotIndex);

    protected override void OnTimer() => Register();

    public void OnReady(Readiness readiness)
    {
        while (program.Rings[loop.Index].TryRead(out var slot))
        {
            if (_paths.TryGetValue((int)slot, out var path))
            {
                path.OnEvent();
            }
        }

        // The ring was full for a moment, and what did not fit may concern anyone.
        if (program.Overruns(loop.Index) is var overruns && overruns != _overruns)
        {
            _overruns = overruns;
            foreach (var path in _paths.Values.ToArray())
            {
                path.OnEvent();
            }
        }
    }
}
