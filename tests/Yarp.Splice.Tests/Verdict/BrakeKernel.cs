using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>The kernel around the brake: the segment with its header, and two of the maps.</summary>
internal sealed class BrakeKernel : IBpfKernel
{
    private const int ContextSize = 192;
    private const int MapLookup = 1, LoadBytes = 26, SocketCookie = 46;
    private const int LengthAndFlags = 12;

    private readonly BrakeCase _case;
    private readonly byte[] _direction = new byte[Marshal.SizeOf<VerdictSlot>()];
    private readonly ulong[] _mapAddresses;
    private readonly ulong _slotAddress;
    private readonly ulong _directionAddress;

    public BrakeKernel(BrakeCase brakeCase)
    {
        _case = brakeCase;
        var context = new byte[ContextSize];
        BinaryPrimitives.WriteInt32LittleEndian(context, brakeCase.Header + brakeCase.Payload);
        Context = Memory.Add(context);
        _mapAddresses = [.. VerdictKernel.Maps.Select(_ => Memory.Add([]))];
        var slot = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(slot, VerdictCase.SlotIndex);
        _slotAddress = Memory.Add(slot);
        MemoryMarshal.Write(_direction, new VerdictSlot
        {
            Passed = (ulong)brakeCase.Passed,
            Consumed = (ulong)brakeCase.Consumed,
            MostHeld = (ulong)brakeCase.MostHeld,
            RecentCost = brakeCase.RecentCost,
            RecentBytes = brakeCase.RecentBytes,
        });
        _directionAddress = Memory.Add(_direction);
    }

    public AddressSpace Memory { get; } = new();

    /// <summary>The program's argument.</summary>
    public ulong Context { get; }

    /// <summary>How many segments are counted as refused.</summary>
    public uint Refused => MemoryMarshal.Read<VerdictSlot>(_direction).Refused;

    public ulong AddressOf(int mapDescriptor) => _mapAddresses[mapDescriptor];

    public ulong Call(int helper, ReadOnlySpan<ulong> arguments) => helper switch
    {
        LoadBytes when arguments[0] == Context && arguments[1] == LengthAndFlags && arguments[3] == 2 => Load(arguments[2]),
        SocketCookie when arguments[0] == Context => VerdictCase.Cookie,
        MapLookup => LookUp(arguments[0], arguments[1]),
        _ => throw new BpfFaultException($"calls helper {helper} in a way of its own"),
    };

    private ulong Load(ulong target)
    {
        if (!_case.HasHeader)
        {
            return unchecked((ulong)-14);
        }

        // The lower half of the first byte is reserved.
        var bytes = Memory.At(target, 2);
        bytes[0] = (byte)((_case.Header / 4 << 4) | 0xf);
        bytes[1] = _case.Flags;
        return 0;
    }

    private ulong LookUp(ulong map, ulong key) => Array.IndexOf(_mapAddresses, map) switch
    {
        var i when i == VerdictKernel.Maps["slots"] =>
            BinaryPrimitives.ReadUInt64LittleEndian(Memory.At(key, sizeof(ulong))) == VerdictCase.Cookie && _case.HasSlot ? _slotAddress : 0,
        var i when i == VerdictKernel.Maps["directions"] =>
            BinaryPrimitives.ReadInt32LittleEndian(Memory.At(key, sizeof(int))) == VerdictCase.SlotIndex && _case.HasDirection ? _directionAddress : 0,
        _ => throw new BpfFaultException($"looks something up in 0x{map:x}"),
    };
}
