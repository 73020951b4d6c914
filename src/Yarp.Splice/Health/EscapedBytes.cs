using System.Globalization;
using System.Text;

namespace Yarp.Splice.Health;

/// <summary>Bytes as a person writes them: UTF-8 text with \r, \n, \t, \\ and \xHH.</summary>
internal static class EscapedBytes
{
    public static bool TryParse(string text, out byte[] bytes)
    {
        var parsed = new List<byte>();
        bytes = [];
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                var length = char.IsSurrogatePair(text, i) ? 2 : 1;
                parsed.AddRange(Encoding.UTF8.GetBytes(text, i, length));
                i += length - 1;
                continue;
            }

            switch (++i < text.Length ? text[i] : '\0')
            {
                case 'r':
                    parsed.Add((byte)'\r');
                    break;
                case 'n':
                    parsed.Add((byte)'\n');
                    break;
                case 't':
                    parsed.Add((byte)'\t');
                    break;
                case '\\':
                    parsed.Add((byte)'\\');
                    break;
                case 'x' when i + 2 < text.Length &&
                    byte.TryParse(text.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value):
                    parsed.Add(value);
                    i += 2;
                    break;
                default:
                    return false;
            }
        }

        bytes = [.. parsed];
        return bytes.Length > 0;
    }
}
