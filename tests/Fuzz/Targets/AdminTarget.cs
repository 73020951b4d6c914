using System.Net;
using System.Text;
using Demo.Gateway.Admin;
using Demo.Gateway.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Fuzz.Targets;

/// <summary>Requests of the admin endpoint, behind Kestrel's parser: method, path, query, headers, body. No handler throws, and nothing is done without the token.</summary>
internal sealed class AdminTarget : FuzzTarget
{
    private const string Configuration =
        """{"ReverseProxy":{"Routes":{"tcp":{"ClusterId":"c","Mode":"Auto","Match":{"Hosts":["*:7001"]}}},"Clusters":{"c":{"Destinations":{"a":{"Address":"http://127.0.0.1:1"}}}}}}""";

    private static readonly string[] s_methods = ["GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS", "get", "X", "TRACE"];

    private static readonly string[] s_paths =
    [
        "/", "/healthz", "/readyz", "/api/live", "/api/routes", "/api/destinations", "/api/workers", "/api/topology", "/api/sessions", "/api/sessions/1",
        "/api/sessions/-1", "/api/sessions/99999999999999999999", "/api/clusters/c/destinations/a", "/api/clusters//destinations/", "/api/clusters/C/destinations/A", "/x", "//", "/api/sessions/\ud800",
    ];

    private static readonly string[] s_queries = ["", "?limit=1", "?limit=0", "?after=-1", "?after=9223372036854775808", "?route=tcp&cluster=c", "?limit=1&limit=2", "?%ff=%00", "?=&&=", "?after=%31"];

    private static readonly string[] s_tokens = ["", "Bearer " + InProcessGateway.Token, "bearer " + InProcessGateway.Token, "Bearer", "Bearer  ", "Basic x", "Bearer wrong"];

    private static readonly string[] s_hosts = ["127.0.0.1:9901", "localhost", "evil.example", "[::1]:1", "", "[", "127.0.0.1:x"];

    private static readonly string[] s_bodies =
    [
        "", """{"action":"drain"}""", """{"action":"resume"}""", """{"action":"cut"}""", """{"action":"x"}""", """{"action":1}""", """{"action":"\ud800"}""", """{"\ud800":"cut"}""",
        "[]", "{", "null", """{"action":"cut","action":"drain"}""", "\"cut\"", "{\"action\":\"\u0000\"}", """{"action":{"action":{"action":"cut"}}}""",
    ];

    private static readonly Lazy<InProcessGateway> s_gateway = new(static () => new InProcessGateway(JsonText.Parse(Encoding.UTF8.GetBytes(Configuration))));

    public override string Name => "admin";

    public override int Cost => 6;

    public override FuzzCase Generate(FuzzRandom random)
    {
        var bytes = Build(random);
        return new FuzzCase(random.OneIn(2) ? bytes : Mutation.Apply(bytes, random, Build(random)), null);
    }

    public override string? Check(FuzzCase input, FuzzRandom random)
    {
        var request = ToRequest(input.Input);
        var (api, options) = (s_gateway.Value.Services.GetRequiredService<AdminApi>(), s_gateway.Value.AdminOptions);
        var found = api.Find(request, out var refusal);
        if (found is null)
        {
            return refusal is { Status: 404 or 405 } ? null : $"answered {refusal?.Status}";
        }

        var refused = new AdminGuard(options).Check(request, found.Access);
        var hasToken = request.Headers.Authorization.ToString() is ['b' or 'B', 'e' or 'E', 'a' or 'A', 'r' or 'R', 'e' or 'E', 'r' or 'R', ' ', .. var rest] && rest.Trim() == InProcessGateway.Token;
        if (found.Access == AdminAccess.Action && refused is null && !hasToken)
        {
            return "an action was let through without the token";
        }

        if (refused is not null)
        {
            return refused.Status is 401 or 403 or 421 ? null : $"refused with {refused.Status}";
        }

        // In memory, so that the handlers end before they return.
        var answer = found.Handler(request).GetAwaiter().GetResult();
        return answer.Status is 200 or 400 or 404 or 503 ? null : $"answered {answer.Status}";
    }

    /// <summary>Seven lines: method, path, query, host, authorization, content type, and the body, which is all of the rest.</summary>
    private static HttpRequest ToRequest(byte[] bytes)
    {
        var lines = new List<byte[]>();
        var rest = bytes;
        for (var i = 0; i < 6; i++)
        {
            var end = Array.IndexOf(rest, (byte)'\n');
            lines.Add(end < 0 ? rest : rest[..end]);
            rest = end < 0 ? [] : rest[(end + 1)..];
        }

        var context = new DefaultHttpContext();
        var request = context.Request;
        request.Method = Text(lines[0]);
        request.Scheme = "http";
        request.Path = new PathString("/" + Text(lines[1]).TrimStart('/'));
        request.QueryString = new QueryString("?" + Text(lines[2]).TrimStart('?'));
        request.Headers.Host = Text(lines[3]);
        request.Headers.Authorization = Text(lines[4]);
        request.ContentType = Text(lines[5]);
        request.Body = new MemoryStream(rest);
        context.Connection.RemoteIpAddress = IPAddress.Loopback;
        context.Features.Set<IRouteValuesFeature>(new RouteValuesFeature());
        return request;

        static string Text(byte[] line) => Encoding.UTF8.GetString(line);
    }

    private static byte[] Build(FuzzRandom random) => Encoding.UTF8.GetBytes(string.Join('\n',
        random.Pick(s_methods), random.Pick(s_paths), random.Pick(s_queries), random.OneIn(2) ? s_hosts[0] : random.Pick(s_hosts),
        random.OneIn(2) ? s_tokens[1] : random.Pick(s_tokens), random.OneIn(4) ? "text/plain" : "application/json", random.Pick(s_bodies)));
}
