using System.Net;

namespace Demo.Gateway.AccessLog;

/// <summary>Puts one line together. A value that is not known is given too, as <see langword="null"/>.</summary>
internal interface IAccessLogLine
{
    void Begin(string kind, DateTimeOffset time, EndPoint? client, EndPoint? local);

    void Add(string name, string? value);

    void Add(string name, long value);

    void Add(string name, TimeSpan? value);

    void End();
}
