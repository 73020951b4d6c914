extern alias transport;

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using NativeSocketAddress = transport::Transport.Linux.Interop.NativeSocketAddress;

namespace Fuzz.Targets;

/// <summary>Socket addresses as the kernel hands them over: those of Unix sockets hold what the peer has chosen.</summary>
internal sealed class SocketAddressTarget : FuzzTarget
{
    private const int MostAllocated = 2048;
    private const int LongestPath = 108;

    public override string Name => "address";

    public override FuzzCase Generate(FuzzRandom random)
    {
        var port = random.Below(65_536);
        byte[] start = [(byte)(port >> 8), (byte)port];
        switch (random.Below(4))
        {
            case 0:
                var address = random.Bytes(4);
                return new FuzzCase([2, 0, .. start, .. address, .. new byte[8]], Describe(new IPEndPoint(new IPAddress(address), port)));
            case 1:
                var address6 = random.Bytes(16);
                return new FuzzCase([10, 0, .. start, .. random.Bytes(4), .. address6, 0, 0, 0, 0], Describe(new IPEndPoint(new IPAddress(address6), port)));
            case 2:
                return new FuzzCase([1, 0, .. Path(random)], null);
            default:
                return new FuzzCase(random.Bytes(random.Below(NativeSocketAddress.MaxLength)), null);
        }
    }

    public override string? Check(FuzzCase input, FuzzRandom random)
    {
        // The kernel gives whole addresses of the families that have a form.
        var bytes = input.Input.Length < 28 && (input.Input.Length < 2 || input.Input[0] is 2 or 10) ? [.. input.Input, .. new byte[28]] : input.Input;
        var endPoint = NativeSocketAddress.ToEndPoint(bytes);
        var allocated = Allocated(() => NativeSocketAddress.ToEndPoint(bytes), MostAllocated);
        if (allocated > MostAllocated)
        {
            return $"{allocated} bytes were allocated";
        }

        return input.Meaning is string meaning && Describe(endPoint) != meaning ? $"read as {Describe(endPoint)}, and built as {meaning}" : null;
    }

    private static byte[] Path(FuzzRandom random)
    {
        var length = random.Below(LongestPath + 1);
        var path = random.OneIn(2) ? random.Bytes(length) : [.. Enumerable.Repeat((byte)'a', length)];
        if (path.Length > 0 && random.OneIn(3))
        {
            path[0] = 0;
        }

        return path;
    }

    private static string Describe(EndPoint endPoint) => endPoint switch
    {
        IPEndPoint ip => string.Create(CultureInfo.InvariantCulture, $"{Convert.ToHexString(ip.Address.GetAddressBytes())} {ip.Port}"),
        UnixDomainSocketEndPoint => "unix",
        _ => endPoint.ToString() ?? "",
    };
}
