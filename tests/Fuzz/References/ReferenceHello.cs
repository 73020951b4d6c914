using System.Text;

namespace Fuzz.References;

/// <summary>
/// A second reader of ClientHellos: from the RFCs, byte by byte and without regard to cost, sharing nothing with the product's but the limits that
/// docs/routes.md states.
/// </summary>
internal sealed class ReferenceHello
{
    private const int LargestMessage = 65_536;
    private const int MostRecords = 4096;
    private const int MostProtocols = 256;

    private readonly byte[] _bytes;

    /// <summary>Set by the first rule that is broken; what is read after that is nonsense, and not used.</summary>
    private bool _isBroken;

    private ReferenceHello(byte[] bytes) => _bytes = bytes;

    /// <returns>The status by its name, the server name, the protocols.</returns>
    public static (string Status, string? Name, IReadOnlyList<string> Protocols) Read(byte[] bytes)
    {
        var reader = new ReferenceHello(bytes);
        var status = reader.Unwrap(out var body);
        if (status != "Complete")
        {
            return (status, null, []);
        }

        var (name, protocols) = reader.ReadHello(body);
        return reader._isBroken ? ("Malformed", null, []) : ("Complete", name, protocols);
    }

    /// <summary>The body of the handshake message, out of its records.</summary>
    private string Unwrap(out Cursor body)
    {
        body = new Cursor([]);
        var message = new List<byte>();
        for (int at = 0, records = 0; ; records++)
        {
            if ((at < _bytes.Length && _bytes[at] != 22) || (at + 1 < _bytes.Length && _bytes[at + 1] != 3))
            {
                return at == 0 ? "NotTls" : "Malformed";
            }

            if (_bytes.Length - at < 5)
            {
                return "NeedMore";
            }

            var length = (_bytes[at + 3] * 256) + _bytes[at + 4];
            if (length == 0 || length > 16_384 || records == MostRecords)
            {
                return "Malformed";
            }

            at += 5;
            for (var end = at + length; at < end; at++)
            {
                if (at == _bytes.Length)
                {
                    return "NeedMore";
                }

                message.Add(_bytes[at]);
                if (message[0] != 1)
                {
                    return "Malformed";
                }

                if (message.Count < 4)
                {
                    continue;
                }

                var announced = (message[1] * 65_536) + (message[2] * 256) + message[3];
                if (announced > LargestMessage)
                {
                    return "Malformed";
                }

                if (message.Count == 4 + announced)
                {
                    body = new Cursor([.. message.Skip(4)]);
                    return "Complete";
                }
            }
        }
    }

    private (string? Name, List<string> Protocols) ReadHello(Cursor body)
    {
        _ = Take(body, 34);
        Require(Vector(body, 1).Left <= 32);
        var suites = Vector(body, 2);
        Require(suites.Left > 0 && suites.Left % 2 == 0);
        Require(Vector(body, 1).Left > 0);
        if (body.Left == 0)
        {
            return (null, []);
        }

        var extensions = Vector(body, 2);
        Require(body.Left == 0);
        string? name = null;
        List<string>? protocols = null;
        while (!_isBroken && extensions.Left > 0)
        {
            var type = Number(extensions, 2);
            var data = Vector(extensions, 2);
            if (type == 0)
            {
                Require(name is null);
                name = ReadServerName(data);
            }
            else if (type == 16)
            {
                Require(protocols is null);
                protocols = ReadProtocols(data);
            }
        }

        return (name, protocols ?? []);
    }

    private string ReadServerName(Cursor data)
    {
        var list = Vector(data, 2);
        Require(data.Left == 0);
        Require(Number(list, 1) == 0);
        var host = Vector(list, 2);
        var name = Encoding.Latin1.GetString(Take(host, host.Left));
        Require(list.Left == 0);
        name = name.EndsWith('.') ? name.Remove(name.Length - 1) : name;
        Require(name.Length is > 0 and <= 253 && name.All(static character => character is > ' ' and < '\x7f'));
        return name.ToLowerInvariant();
    }

    private List<string> ReadProtocols(Cursor data)
    {
        var list = Vector(data, 2);
        Require(data.Left == 0 && list.Left > 0);
        var protocols = new List<string>();
        while (!_isBroken && list.Left > 0)
        {
            var protocol = Vector(list, 1);
            Require(protocol.Left > 0);
            protocols.Add(Encoding.Latin1.GetString(Take(protocol, protocol.Left)));
        }

        Require(protocols.Count <= MostProtocols);
        return protocols;
    }

    private Cursor Vector(Cursor bytes, int lengthSize) => new(Take(bytes, Number(bytes, lengthSize)));

    private int Number(Cursor bytes, int size)
    {
        var number = 0;
        foreach (var value in Take(bytes, size))
        {
            number = (number * 256) + value;
        }

        return number;
    }

    private byte[] Take(Cursor bytes, int count)
    {
        Require(bytes.Left >= count);
        return _isBroken ? [] : bytes.Take(count);
    }

    private void Require(bool condition) => _isBroken |= !condition;

    private sealed class Cursor(byte[] bytes)
    {
        private int _at;

        public int Left => bytes.Length - _at;

        public byte[] Take(int count)
        {
            var taken = bytes[_at..(_at + count)];
            _at += count;
            return taken;
        }
    }
}
