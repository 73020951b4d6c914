using System.Net;
using System.Text;
using System.Text.Json;

namespace Demo.Gateway.AccessLog;

/// <summary>One JSON object a line; what is not known is <c>null</c>. The writer escapes whatever is not plain ASCII.</summary>
internal sealed class JsonLine(StringBuilder text) : IAccessLogLine, IDisposable
{
    private readonly MemoryStream _buffer = new();
    private Utf8JsonWriter? _writer;

    public void Begin(string kind, DateTimeOffset time, EndPoint? client, EndPoint? local)
    {
        _buffer.SetLength(0);
        _writer ??= new Utf8JsonWriter(_buffer);
        _writer.Reset();
        _writer.WriteStartObject();
        _writer.WriteString("time", time.UtcDateTime);
        Add("kind", kind);
        Add("client", AccessLogFields.Show(client));
        Add("local", AccessLogFields.Show(local));
    }

    public void Add(string name, string? value) => _writer!.WriteString(name, value);

    public void Add(string name, long value) => _writer!.WriteNumber(name, value);

    public void Add(string name, TimeSpan? value)
    {
        if (value is { } known)
        {
            _writer!.WriteNumber(name, Math.Round(known.TotalMilliseconds, 3));
        }
        else
        {
            _writer!.WriteNull(name);
        }
    }

    public void End()
    {
        _writer!.WriteEndObject();
        _writer.Flush();
        text.Append(Encoding.UTF8.GetString(_buffer.GetBuffer(), 0, (int)_buffer.Length)).Append('\n');
    }

    public void Dispose()
    {
        _writer?.Dispose();
        _buffer.Dispose();
    }
}
