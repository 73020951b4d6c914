using System.Globalization;
using System.Net;
using System.Text;
using Yarp.Splice.Upgrades;

namespace Fuzz.Targets;

/// <summary>The part of an HTTP head that the product reads itself: the authority of CONNECT, and the list of where that may go.</summary>
internal sealed class ConnectTargetTarget : FuzzTarget
{
    private static readonly string[] s_hosts =
        ["example.com", "*.example.com", "EXAMPLE.com.", "192.0.2.1", "[2001:db8::1]", "2001:db8::1", "a b", "", ".", "*", "[", "[]", "bücher.example", "x@y", "127.1", "0x7f.1"];

    private static readonly string[] s_ports = ["80", "0", "65535", "65536", "443 ", "+443", "", "99999999999", "08"];

    public override string Name => "connect";

    public override FuzzCase Generate(FuzzRandom random)
    {
        var bytes = Build(random);
        return new FuzzCase(random.OneIn(2) ? bytes : Mutation.Apply(bytes, random, Build(random)), null);
    }

    public override string? Check(FuzzCase input, FuzzRandom random)
    {
        var text = Encoding.UTF8.GetString(input.Input);
        var isRequest = ConnectTarget.TryReadRequest(text, out var endPoint);
        if (isRequest && !IsAuthority(text, endPoint!))
        {
            return $"'{text}' was taken for {endPoint!.Host} port {endPoint.Port}";
        }

        // A request is ASCII; the list may hold names in Unicode, which are compared in their ASCII form.
        if (!ConnectTarget.TryParse(text, out var allowed) || !Ascii.IsValid(text))
        {
            return null;
        }

        // What the list says for one host allows that host, and not its neighbours.
        // A trailing dot may be all that keeps a number from being an address: then it is not let through.
        if (isRequest && !text.StartsWith("*.", StringComparison.Ordinal) && !text.Contains(".:", StringComparison.Ordinal) && !text.Contains(".]:", StringComparison.Ordinal) && !allowed.Allows(endPoint!))
        {
            return $"'{text}' in the list does not allow itself";
        }

        return isRequest && (allowed.Allows(new DnsEndPoint("neighbour." + endPoint!.Host.Trim('[', ']'), endPoint.Port)) && !text.StartsWith("*.", StringComparison.Ordinal)) ||
            (isRequest && endPoint!.Port < 65_535 && allowed.Allows(new DnsEndPoint(endPoint.Host, endPoint.Port + 1)))
            ? $"'{text}' in the list allows something else"
            : null;
    }

    /// <summary>Host and port read back as they stand in the text.</summary>
    private static bool IsAuthority(string text, DnsEndPoint endPoint)
    {
        var colon = text.LastIndexOf(':');
        var host = text[..colon];
        host = host.StartsWith('[') ? host.Trim('[', ']') : host;
        return host.TrimEnd('.') == endPoint.Host && endPoint.Host.Length > 0 && endPoint.Port is >= 1 and <= 65_535 &&
            int.Parse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture) == endPoint.Port &&
            !endPoint.Host.Any(static character => character is <= ' ' or '/' or '@' or '?' or '#');
    }

    private static byte[] Build(FuzzRandom random) => Encoding.UTF8.GetBytes($"{random.Pick(s_hosts)}:{random.Pick(s_ports)}");
}
