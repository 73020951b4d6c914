using System.Net;
using Yarp.Splice;

namespace Demo.Gateway.AccessLog;

/// <summary>Names the fields of a line, in the order in which both formats have them.</summary>
internal static class AccessLogFields
{
    public static void Write(SessionRecord session, IAccessLogLine line)
    {
        line.Begin("tcp", session.AcceptedAt, session.ClientEndPoint, session.LocalEndPoint);
        line.Add("session", session.Id);
        line.Add("sni", session.ServerName);
        line.Add("route", session.RouteId);
        line.Add("cluster", session.ClusterId);
        line.Add("destination", session.DestinationId);
        line.Add("address", Show(session.DestinationEndPoint));
        line.Add("attempts", session.Attempts);
        line.Add("preread_ms", session.PrereadTime);
        line.Add("connect_ms", session.ConnectTime);
        line.Add("first_byte_ms", session.FirstByteTime);
        line.Add("total_ms", session.Duration);
        line.Add("bytes_up", session.BytesToUpstream);
        line.Add("bytes_down", session.BytesToClient);
        AddPath(session, line);
        line.Add("end", session.Outcome);
        line.Add("by", session.ClosedBy?.ToString().ToLowerInvariant());
        line.Add("failure", session.ConnectFailure);
        line.End();
    }

    public static void Write(HttpExchange exchange, IAccessLogLine line)
    {
        line.Begin("http", exchange.StartedAt, exchange.ClientEndPoint, exchange.LocalEndPoint);
        line.Add("method", exchange.Method);
        line.Add("target", exchange.Target);
        line.Add("protocol", exchange.Protocol);
        line.Add("host", exchange.Host);
        line.Add("status", exchange.Status);
        line.Add("route", exchange.RouteId);
        line.Add("cluster", exchange.ClusterId);
        line.Add("destination", exchange.DestinationId);
        line.Add("first_byte_ms", exchange.FirstByteTime);
        line.Add("total_ms", exchange.Duration);
        line.Add("bytes_up", exchange.BytesToUpstream);
        line.Add("bytes_down", exchange.BytesToClient);
        if (exchange.Session is { } session)
        {
            line.Add("session", session.Id);
            AddPath(session, line);
        }

        line.Add("end", exchange.Outcome);
        line.End();
    }

    /// <summary>IPv4 clients of a dual-mode socket as IPv4, and of Unix sockets that have no name only the kind.</summary>
    public static string? Show(EndPoint? endPoint) => endPoint switch
    {
        null => null,
        IPEndPoint { Address.IsIPv4MappedToIPv6: true } ip => new IPEndPoint(ip.Address.MapToIPv4(), ip.Port).ToString(),
        IPEndPoint ip => ip.ToString(),
        _ when endPoint.ToString() is { Length: > 0 } text => $"unix:{text.Replace('\0', '@')}",
        _ => "unix:",
    };

    private static void AddPath(SessionRecord session, IAccessLogLine line)
    {
        line.Add("mode", session.Mode?.ToString());
        line.Add("path_up", session.PathToUpstream);
        line.Add("path_down", session.PathToClient);
        line.Add("moves", session.PathMoves);
        line.Add("why", session.PathReason);
    }
}
