using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>
/// The kernel around the verdict program: the segment, the maps, the sink's TCP, and the helper functions, which check what they are called with.
/// </summary>
internal sealed class VerdictKernel : IBpfKernel
{
    public const int UnacknowledgedOffset = 24, WriteSequenceOffset = 40;

    /// <summary>The maps by the numbers that stand for their descriptors.</summary>
    public static readonly Dictionary<string, int> Maps =
        new[] { "peers", "armed", "slots", "directions", "rings", "overruns" }.Select(static (name, i) => (name, i)).ToDictionary(static map => map.name, static map => map.i);

    /// <summary>Where the program finds fields of struct tcp_sock.</summary>
    public static readonly Dictionary<string, int> Offsets =
        new() { ["tcp_sock_snd_una"] = UnacknowledgedOffset, ["tcp_sock_write_seq"] = WriteSequenceOffset };

    // struct __sk_buff; the sequence numbers of a segment are the first two words of cb (TCP_SKB_CB).
    private const int LengthOffset = 0, SequenceOffset = 48, EndOffset = 52, ContextSize = 192;

    private const int MapLookup = 1, PullData = 39, SocketCookie = 46, AdjustRoom = 50, RedirectHash = 72, Release = 86, RingOutput = 130, ToTcpSock = 137;
    private const int MostTrimmedAtOnce = 0xfff;
    private const ulong Failed = unchecked((ulong)-12);

    private readonly VerdictCase _case;
    private readonly byte[] _context = new byte[ContextSize];
    private readonly byte[] _direction;
    private readonly byte[] _overruns = new byte[sizeof(ulong)];
    private readonly ulong[] _mapAddresses;
    private readonly ulong _slotAddress;
    private readonly ulong _directionAddress;
    private readonly ulong _overrunsAddress;
    private readonly ulong _peerAddress;
    private readonly ulong _tcpAddress;
    private readonly ulong _ringAddress;
    private int _trimCalls;
    private int _linear;
    private int _trimmed;
    private int _peersHeld;
    private int _outputs;
    private int _notices;
    private bool _isRedirected;

    public VerdictKernel(VerdictCase verdictCase)
    {
        _case = verdictCase;
        Write(_context, LengthOffset, (uint)verdictCase.Length);
        Write(_context, SequenceOffset, verdictCase.Sequence);
        Write(_context, EndOffset, verdictCase.End);
        Context = Memory.Add(_context);
        _mapAddresses = [.. Maps.Select(_ => Memory.Add([]))];
        var slot = new byte[sizeof(int)];
        Write(slot, 0, VerdictCase.SlotIndex);
        _slotAddress = Memory.Add(slot);
        _direction = new byte[Marshal.SizeOf<VerdictSlot>()];
        MemoryMarshal.Write(_direction, verdictCase.Slot);
        _directionAddress = Memory.Add(_direction);
        _overrunsAddress = Memory.Add(_overruns);
        _peerAddress = Memory.Add([]);
        _ringAddress = Memory.Add([]);
        var tcp = new byte[64];
        Write(tcp, UnacknowledgedOffset, verdictCase.SendUnacknowledged);
        Write(tcp, WriteSequenceOffset, verdictCase.WriteSequence);
        _tcpAddress = Memory.Add(tcp);
    }

    public AddressSpace Memory { get; } = new();

    /// <summary>The program's argument.</summary>
    public ulong Context { get; }

    /// <summary>What the verdict and user space tell each other.</summary>
    public ref VerdictSlot Slot => ref MemoryMarshal.AsRef<VerdictSlot>(_direction.AsSpan());

    public ulong AddressOf(int mapDescriptor) => _mapAddresses[mapDescriptor];

    public ulong Call(int helper, ReadOnlySpan<ulong> arguments) => helper switch
    {
        MapLookup => LookUp(arguments[0], arguments[1]),
        SocketCookie => Cookie(arguments[0]),
        PullData => Pull(arguments[0], (uint)arguments[1]),
        AdjustRoom => Adjust(arguments[0], (int)arguments[1], (uint)arguments[2], arguments[3]),
        RedirectHash => Redirect(arguments[0], arguments[1], arguments[2], arguments[3]),
        Release => ReleasePeer(arguments[0]),
        ToTcpSock => TcpSockOf(arguments[0]),
        RingOutput => Output(arguments[0], arguments[1], arguments[2], arguments[3]),
        _ => throw new BpfFaultException($"calls helper {helper}"),
    };

    /// <summary>How many arguments a helper function has.</summary>
    public static int ArgumentsOf(int helper) => helper switch
    {
        SocketCookie or Release or ToTcpSock => 1,
        MapLookup or PullData => 2,
        _ => 4,
    };

    /// <summary>What has happened, when the program has returned.</summary>
    public VerdictOutcome Outcome(int result)
    {
        Require(_peersHeld == 0, "a reference to the peer is left");
        Require(result is 0 or 1, $"returns {result}");
        return new VerdictOutcome(
            result == 1, _isRedirected, Slot, _trimmed, _notices, (int)BinaryPrimitives.ReadUInt64LittleEndian(_overruns));
    }

    private ulong LookUp(ulong map, ulong key) => Array.IndexOf(_mapAddresses, map) switch
    {
        var i when i == Maps["slots"] => KeyOf(key, sizeof(ulong)) == VerdictCase.Cookie && _case.HasSlot ? _slotAddress : 0,
        var i when i == Maps["directions"] => KeyOf(key, sizeof(int)) == VerdictCase.SlotIndex && _case.HasDirection ? _directionAddress : 0,
        var i when i == Maps["peers"] => LookUpPeer(KeyOf(key, sizeof(ulong))),
        var i when i == Maps["rings"] => KeyOf(key, sizeof(int)) == VerdictCase.Owner && _case.Ring != RingState.Missing ? _ringAddress : 0,
        var i when i == Maps["overruns"] => KeyOf(key, sizeof(int)) == VerdictCase.Owner && _case.HasOverruns ? _overrunsAddress : 0,
        _ => throw new BpfFaultException($"looks something up in 0x{map:x}"),
    };

    private ulong LookUpPeer(ulong cookie)
    {
        if (cookie != VerdictCase.Cookie || !_case.HasPeer)
        {
            return 0;
        }

        _peersHeld++;
        return _peerAddress;
    }

    private ulong Cookie(ulong context)
    {
        Require(context == Context, "asks for the cookie of something else");
        return VerdictCase.Cookie;
    }

    private ulong Pull(ulong context, uint length)
    {
        Require(context == Context, "pulls data of something else");
        if (_trimCalls++ == _case.FailingTrimCall || length > LengthLeft)
        {
            return Failed;
        }

        _linear = (int)length;
        return 0;
    }

    private ulong Adjust(ulong context, int difference, uint mode, ulong flags)
    {
        Require(context == Context && mode == 0 && flags == 0, "adjusts the room in a way of its own");
        if (_trimCalls++ == _case.FailingTrimCall || difference is > 0 or < -MostTrimmedAtOnce)
        {
            return Failed;
        }

        Require(-difference == _linear, "takes off other than was pulled");
        _linear = 0;
        _trimmed -= difference;
        Write(_context, LengthOffset, (uint)(_case.Length - _trimmed));
        return 0;
    }

    private ulong Redirect(ulong context, ulong map, ulong key, ulong flags)
    {
        Require(context == Context && map == _mapAddresses[Maps["peers"]] && flags == 0 && !_isRedirected, "redirects in a way of its own");
        _isRedirected = KeyOf(key, sizeof(ulong)) == VerdictCase.Cookie && _case.HasPeer && _case.IsRedirectTaken;
        return _isRedirected ? 1u : 0;
    }

    private ulong ReleasePeer(ulong socket)
    {
        Require(socket == _peerAddress && _peersHeld > 0, "releases what it does not hold");
        _peersHeld--;
        return 0;
    }

    private ulong TcpSockOf(ulong socket)
    {
        Require(socket == _peerAddress && _peersHeld > 0, "looks into a socket that it does not hold");
        return _case.HasTcp ? _tcpAddress : 0;
    }

    private ulong Output(ulong ring, ulong data, ulong size, ulong flags)
    {
        Require(ring == _ringAddress && size == sizeof(int) && flags == 0 && KeyOf(data, sizeof(int)) == VerdictCase.SlotIndex, "writes something else into the ring");
        if (_case.Ring == RingState.Full || (_case.Ring == RingState.FullOnce && _outputs++ == 0))
        {
            return Failed;
        }

        _notices++;
        return 0;
    }

    private uint LengthLeft => BinaryPrimitives.ReadUInt32LittleEndian(_context.AsSpan(LengthOffset));

    private ulong KeyOf(ulong address, int size)
    {
        var bytes = Memory.At(address, size);
        return size == sizeof(int) ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private static void Write(byte[] piece, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(piece.AsSpan(offset), value);

    private static void Require(bool isSo, string fault)
    {
        if (!isSo)
        {
            throw new BpfFaultException(fault);
        }
    }
}
