using System.Globalization;
using System.Net;
using System.Text;

namespace Demo.Gateway.AccessLog;

/// <summary>
/// <c>TIME KIND CLIENT LOCAL key=value …</c>. A value with anything but visible ASCII characters, or with a quote, stands in quotes and what could
/// end a line, a quote or a terminal's patience is escaped; what is not known is left out.
/// </summary>
internal sealed class TextLine(StringBuilder text) : IAccessLogLine
{
    public void Begin(string kind, DateTimeOffset time, EndPoint? client, EndPoint? local) => text
        .Append(CultureInfo.InvariantCulture, $"{time.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ} {kind} ")
        .Append(AccessLogFields.Show(client) ?? "-").Append(' ').Append(AccessLogFields.Show(local) ?? "-");

    public void Add(string name, string? value)
    {
        if (value is not null)
        {
            text.Append(' ').Append(name).Append('=');
            AppendValue(value);
        }
    }

    public void Add(string name, long value) => text.Append(CultureInfo.InvariantCulture, $" {name}={value}");

    public void Add(string name, TimeSpan? value)
    {
        if (value is { } known)
        {
            text.Append(CultureInfo.InvariantCulture, $" {name}={known.TotalMilliseconds:0.000}");
        }
    }

    public void End() => text.Append('\n');

    private void AppendValue(string value)
    {
        if (value.Length > 0 && value.All(static character => character is > ' ' and <= '~' and not ('"' or '\\' or '=')))
        {
            text.Append(value);
            return;
        }

        text.Append('"');
        foreach (var rune in value.EnumerateRunes())
        {
            if (rune.Value is '"' or '\\')
            {
                text.Append('\\').Append((char)rune.Value);
            }
            else if (rune.Value is >= ' ' and <= '~')
            {
                text.Append((char)rune.Value);
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
            }
        }

        text.Append('"');
    }
}
