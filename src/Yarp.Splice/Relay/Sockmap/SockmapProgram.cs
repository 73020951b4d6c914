using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Transport.Linux.Interop;
using Yarp.Splice.Bpf;
using Yarp.Splice.Interop;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary>
/// The verdict program and its maps in the kernel, and the arming of sockets. One for each relay engine, that is one for each process.
/// Everything in the kernel goes when the descriptors are closed.
/// </summary>
internal sealed unsafe class SockmapProgram : IDisposable
{
    private const int SO_SNDBUF = 7;
    private const string ObjectName = "verdict.bpf.o";
    private const int LogSize = 1024 * 1024;
    private const int LogLinesShown = 6;

    /// <summary>What may be unacknowledged in one direction, at most: larger windows gained no throughput and cost memory.</summary>
    private const uint LargestWindow = 256 * 1024;

    /// <summary>Room over the largest receive buffer: the kernel takes in a segment before it looks at the limit.</summary>
    private const ulong HeldSlack = 1024 * 1024;

    private readonly Dictionary<string, BpfMap> _maps = [];
    private readonly List<IDisposable> _resources = [];
    private readonly BpfMemory _slots;
    private readonly BpfMemory _overruns;
    private readonly ConcurrentQueue<int> _freedSlots = new();
    private readonly ulong _largestReceiveBuffer;
    private readonly uint _mostUnsent;
    private int _brake = -1;
    private int _usedSlots;

    /// <param name="form">Which form of the verdict.</param>
    /// <param name="eventLoops">How many event loops will arm sockets.</param>
    /// <param name="entries">The sizes of maps that shall not have the object file's. Tests fill them.</param>
    /// <exception cref="BpfException">The kernel refused; nothing is left behind.</exception>
    public SockmapProgram(SockmapForm form, int eventLoops, IReadOnlyDictionary<string, uint>? entries = null)
    {
        Form = form;
        // min, default, max (tcp(7), tcp_rmem).
        _largestReceiveBuffer = ReadSetting("tcp_rmem", 2);
        _mostUnsent = (uint)ReadSetting("tcp_notsent_lowat", 0);
        try
        {
            var file = BpfObject.FromResource(ObjectName);
            Rings = new BpfRing[eventLoops];
            for (var i = 0; i < eventLoops; i++)
            {
                Rings[i] = Keep(new BpfRing("events", file.Maps["events"]));
            }

            foreach (var name in new[] { "peers", "armed", "slots", "directions" })
            {
                var map = file.Maps[name];
                AddMap(name, map with { MaxEntries = entries?.GetValueOrDefault(name, map.MaxEntries) ?? map.MaxEntries });
            }

            AddMap("rings", file.Maps["rings"] with { MaxEntries = (uint)eventLoops }, Rings[0].Map);
            AddMap("overruns", file.Maps["overruns"] with { MaxEntries = (uint)eventLoops });
            for (var i = 0; i < eventLoops; i++)
            {
                Require(_maps["rings"].Update(i, Rings[i].Map.Descriptor), "naming a ring buffer");
            }

            var definition = _maps["directions"].Definition;
            MaxDirections = (int)definition.MaxEntries;
            _slots = Keep(new BpfMemory(_maps["directions"], "directions", definition.MaxEntries * definition.ValueSize));
            _overruns = Keep(new BpfMemory(_maps["overruns"], "overruns", (nuint)(eventLoops * sizeof(ulong))));
            Attach(file);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Loads a program; its descriptor, or the negative error number.</summary>
    private delegate int Loading(string name, ReadOnlySpan<byte> instructions, string license, Span<byte> log);

    public SockmapForm Form { get; }

    /// <summary>The directions that can be armed at once.</summary>
    public int MaxDirections { get; }

    /// <summary>For each event loop the ring buffer in which the verdict names slots that need attention.</summary>
    public BpfRing[] Rings { get; }

    /// <summary>Arms two established sockets as each other's peers. Nothing that was read from one may still wait to be sent to the other.</summary>
    /// <param name="first">A socket with no partly read segment: empty at the last read, or never read.</param>
    /// <param name="second">The other one, in the same state.</param>
    /// <param name="owner">The index of the event loop that will hear of them.</param>
    /// <param name="fromFirst">The direction from the first socket; <see langword="null"/> if that could not be armed, and neither is then.</param>
    /// <param name="fromSecond">The direction from the second socket; <see langword="null"/> if that could not be armed.</param>
    /// <param name="mustReceive">
    /// Whether a socket that was not armed may have a verdict all the same, ours or another program's, which passes everything: recv returns its
    /// bytes, splice does not.
    /// </param>
    /// <returns>Zero, or an error number.</returns>
    public int Arm(
        int first, int second, int owner, out SockmapDirection? fromFirst, out SockmapDirection? fromSecond, out bool mustReceive)
    {
        (fromFirst, fromSecond, mustReceive) = (null, null, false);
        var error = Prepare(first, second, owner, out var forward);
        if (error != 0)
        {
            return error;
        }

        error = Prepare(second, first, owner, out var backward);
        if (error != 0)
        {
            forward!.Release();
            return error;
        }

        // Peers first: a verdict must find where to redirect to from its first segment on.
        error = Insert("peers", forward!.Cookie, second);
        error = error != 0 ? error : Insert("peers", backward!.Cookie, first);
        if (error != 0)
        {
            Withdraw(forward, backward!);
            return error;
        }

        error = Enable(forward, out mustReceive);
        if (error != 0)
        {
            if (mustReceive)
            {
                // Taking a socket with a verdict out of its last map would lose bytes.
                forward.Release();
                backward!.Release();
            }
            else
            {
                Withdraw(forward, backward!);
            }

            return error;
        }

        fromFirst = forward;
        error = Enable(backward!, out mustReceive);
        if (error != 0)
        {
            // It remains the peer of the first one, whatever the reason.
            mustReceive = true;
            backward!.Release();
            return error;
        }

        fromSecond = backward;
        return 0;
    }

    /// <summary>How many events the verdict could not tell an event loop because its ring was full.</summary>
    public ulong Overruns(int eventLoop) => Volatile.Read(ref ((ulong*)_overruns.Address)[eventLoop]);

    /// <summary>
    /// What the verdict may leave unacknowledged towards a socket: not more than the socket's send queue takes, where it is accounted for. What
    /// that refuses would wait in a queue that nothing limits and that keeps passed bytes of the other direction from being read.
    /// </summary>
    public uint WindowOf(int sink)
    {
        _ = SocketCalls.GetOption(sink, SocketCalls.SOL_SOCKET, SO_SNDBUF, out var sendBuffer);
        var window = Math.Min(Math.Min(LargestWindow, _mostUnsent), (uint)sendBuffer / 2);
        return SocketCalls.GetOption(sink, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NOTSENT_LOWAT, out var mostUnsent) == 0 && mostUnsent > 0
            ? Math.Min(window, (uint)mostUnsent)
            : window;
    }

    public ref SockmapSlot Slot(int index) => ref ((SockmapSlot*)_slots.Address)[index];

    /// <summary>The socket is closed: its slot may serve another one.</summary>
    public void Release(ulong cookie, int slot)
    {
        _ = _maps["slots"].Delete(cookie);
        _freedSlots.Enqueue(slot);
    }

    public void Dispose()
    {
        for (var i = _resources.Count - 1; i >= 0; i--)
        {
            _resources[i].Dispose();
        }

        _resources.Clear();
        if (_brake >= 0)
        {
            _ = SocketCalls.Close(_brake);
            _brake = -1;
        }
    }

    private static ulong ReadSetting(string name, int field)
    {
        var fields = File.ReadAllText($"/proc/sys/net/ipv4/{name}").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return ulong.Parse(fields[field], CultureInfo.InvariantCulture);
    }

    /// <summary>Takes a slot, and the baselines of the counters while the sockets are still ours.</summary>
    private int Prepare(int source, int sink, int owner, out SockmapDirection? direction)
    {
        direction = null;
        var error = SocketStateCalls.GetCookie(source, out var cookie);
        if (error != 0 || !TryTakeSlot(out var slot))
        {
            return error != 0 ? -error : Errno.E2BIG;
        }

        direction = new SockmapDirection(this, source, sink, cookie, slot);
        Slot(slot) = new SockmapSlot { Owner = (uint)owner, MostHeld = _largestReceiveBuffer + HeldSlack };
        error = direction.TakeBaseline();
        if (error == 0)
        {
            error = -_maps["slots"].Update(cookie, slot);
        }

        if (error != 0)
        {
            direction.Release();
            direction = null;
        }

        return error;
    }

    private bool TryTakeSlot(out int slot)
    {
        if (_freedSlots.TryDequeue(out slot))
        {
            return true;
        }

        slot = Interlocked.Increment(ref _usedSlots) - 1;
        if (slot < MaxDirections)
        {
            return true;
        }

        Interlocked.Decrement(ref _usedSlots);
        return false;
    }

    /// <summary>Neither socket has a verdict, so nothing is on its way through them.</summary>
    private void Withdraw(SockmapDirection forward, SockmapDirection backward)
    {
        _ = _maps["peers"].Delete(forward.Cookie);
        _ = _maps["peers"].Delete(backward.Cookie);
        forward.Release();
        backward.Release();
    }

    /// <summary>From here on the verdict decides. It has no window and passes everything until it is known to be there to stay.</summary>
    private int Enable(SockmapDirection direction, out bool mustReceive)
    {
        mustReceive = false;
        var error = -SocketStateCalls.AttachFilter(direction.Source, _brake);
        if (error != 0)
        {
            return error;
        }

        error = Insert("armed", direction.Cookie, direction.Source);
        // The kernel sets the verdict before it makes room for the map's entry, and leaves it if there is none and another map has the socket
        // (sock_hash_update_common). EBUSY: another program's verdict is there.
        mustReceive = error is Errno.E2BIG or Errno.ENOMEM or Errno.EBUSY;
        if (error == 0)
        {
            direction.Refresh();
            // What is in the receive queue already would wait for the next segment.
            _ = SocketStateCalls.Kick(direction.Source);
        }

        return error;
    }

    private int Insert(string map, ulong cookie, int socket) => -_maps[map].Update(cookie, (ulong)socket);

    private void AddMap(string name, BpfMapDefinition definition, BpfMap? inner = null) =>
        _maps.Add(name, Keep(new BpfMap(name, definition, inner)));

    private void Attach(BpfObject file)
    {
        var offsets = new Dictionary<string, int>();
        if (Form == SockmapForm.Exact)
        {
            var types = new KernelTypes();
            offsets.Add("tcp_sock_snd_una", types.OffsetOf("tcp_sock", "snd_una"));
            offsets.Add("tcp_sock_write_seq", types.OffsetOf("tcp_sock", "write_seq"));
        }

        var maps = _maps.ToDictionary(static map => map.Key, static map => map.Value.Descriptor);
        _brake = Load(BpfCalls.LoadFilter, "brake", file.Link("filter/brake", maps, offsets), file.License);
        var name = Form.ToString().ToLowerInvariant();
        var program = Load(BpfCalls.LoadVerdict, name, file.Link($"verdict/{name}", maps, offsets), file.License);
        // The map keeps the program.
        Require(BpfCalls.AttachVerdict(_maps["armed"].Descriptor, program), "attaching the verdict program", () => SocketCalls.Close(program));
        _ = SocketCalls.Close(program);
    }

    private static int Load(Loading load, string name, byte[] code, string license)
    {
        var program = load(name, code, license, []);
        if (program >= 0)
        {
            return program;
        }

        var log = new byte[LogSize];
        if (load(name, code, license, log) is var other and >= 0)
        {
            _ = SocketCalls.Close(other);
        }

        var lines = Encoding.ASCII.GetString(log).TrimEnd('\0').Split('\n', StringSplitOptions.RemoveEmptyEntries);
        throw BpfException.From($"loading the program '{name}'", -program, string.Join(" | ", lines.TakeLast(LogLinesShown)));
    }

    private static void Require(int result, string action, Action? cleanUp = null)
    {
        if (result < 0)
        {
            cleanUp?.Invoke();
            throw BpfException.From(action, -result);
        }
    }

    private T Keep<T>(T resource)
        where T : IDisposable
    {
        _resources.Add(resource);
        return resource;
    }
}
