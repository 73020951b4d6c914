using System.Globalization;
using System.Text;
using System.Text.Json;
using Demo.Gateway.Dashboard;
using Demo.Gateway.Lifecycle;
using Demo.Gateway.Metrics;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;
using Yarp.Splice;

namespace Demo.Gateway.Admin;

/// <summary>What the admin endpoint answers: probes, metrics, the page, and the JSON that the page is made of.</summary>
internal sealed class AdminApi
{
    private const int DefaultPage = 100;
    private const int LargestPage = 1000;
    private const string JsonType = "application/json";

    private readonly AdminRoute[] _routes;
    private readonly ISessionTable _sessions;
    private readonly IProxyStateLookup _proxy;
    private readonly DestinationDrain _drain;
    private readonly GatewayLifecycle _lifecycle;
    private readonly MetricReadings _metrics;
    private readonly AdminViews _views;

    public AdminApi(
        ISessionTable sessions, IProxyStateLookup proxy, DestinationDrain drain, GatewayLifecycle lifecycle, MetricReadings metrics, AdminViews views)
    {
        _sessions = sessions;
        _proxy = proxy;
        _drain = drain;
        _lifecycle = lifecycle;
        _metrics = metrics;
        _views = views;
        _routes =
        [
            Open("/", static () => DashboardPage.Answer),
            Open("/healthz", static () => Plain(StatusCodes.Status200OK, "ok\n")),
            Open("/readyz", Ready),
            Data("/metrics", _ => new AdminAnswer(StatusCodes.Status200OK, PrometheusText.ContentType, Encoding.UTF8.GetBytes(_metrics.Text))),
            Data("/api/live", _ => AdminAnswer.Json(_views.Live())),
            Data("/api/routes", _ => AdminAnswer.Json(_views.Routes())),
            Data("/api/destinations", _ => AdminAnswer.Json(_views.Destinations())),
            Data("/api/workers", _ => AdminAnswer.Json(_views.Workers())),
            Data("/api/topology", _ => AdminAnswer.Json(_views.Topology())),
            Data("/api/sessions", ListSessions),
            Data("/api/sessions/{id}", FindSession),
            new AdminRoute(HttpMethods.Delete, "/api/sessions/{id}", AdminAccess.Action, request => Task.FromResult(CutSession(request))),
            new AdminRoute(HttpMethods.Post, "/api/clusters/{cluster}/destinations/{destination}", AdminAccess.Action, ActOnDestinationAsync),
        ];
    }

    /// <param name="request">What is asked for.</param>
    /// <param name="refusal">404 or 405 where there is no such thing.</param>
    public AdminRoute? Find(HttpRequest request, out AdminAnswer? refusal)
    {
        var segments = (request.Path.Value ?? "").Split('/');
        var method = HttpMethods.IsHead(request.Method) ? HttpMethods.Get : request.Method;
        var matching = _routes.Where(route => route.Matches(segments, request.RouteValues)).ToArray();
        if (matching.FirstOrDefault(route => HttpMethods.Equals(route.Method, method)) is { } found)
        {
            _ = found.Matches(segments, request.RouteValues);
            refusal = null;
            return found;
        }

        var allowed = string.Join(", ", matching.Select(static route => route.Method == HttpMethods.Get ? "GET, HEAD" : route.Method));
        refusal = matching.Length == 0
            ? AdminAnswer.Error(StatusCodes.Status404NotFound, "there is no such path")
            : AdminAnswer.Error(StatusCodes.Status405MethodNotAllowed, $"accepted are {allowed}") with { Allow = allowed };
        return null;
    }

    private static AdminRoute Open(string path, Func<AdminAnswer> answer) =>
        new(HttpMethods.Get, path, AdminAccess.Open, _ => Task.FromResult(answer()));

    private static AdminRoute Data(string path, Func<HttpRequest, AdminAnswer> answer) =>
        new(HttpMethods.Get, path, AdminAccess.Data, request => Task.FromResult(answer(request)));

    private static AdminAnswer Plain(int status, string text) => new(status, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text));

    private AdminAnswer Ready() => _lifecycle.State == GatewayState.Ready
        ? Plain(StatusCodes.Status200OK, "ready\n")
        : Plain(StatusCodes.Status503ServiceUnavailable, $"{_lifecycle.State.ToString().ToLowerInvariant()}\n");

    private AdminAnswer ListSessions(HttpRequest request)
    {
        var query = request.Query;
        foreach (var key in query.Keys)
        {
            if (key is not ("after" or "limit" or "route" or "cluster" or "destination"))
            {
                return BadRequest($"unknown parameter '{key}'; accepted are after, limit, route, cluster, destination");
            }
        }

        if (!TryReadNumber(query["after"], 0, 0, long.MaxValue, out var after))
        {
            return BadRequest($"after is '{query["after"]}'; accepted is a session's number");
        }

        if (!TryReadNumber(query["limit"], DefaultPage, 1, LargestPage, out var limit))
        {
            return BadRequest($"limit is '{query["limit"]}'; accepted is a number from 1 to {LargestPage}");
        }

        var (route, cluster, destination) = ((string?)query["route"], (string?)query["cluster"], (string?)query["destination"]);
        Func<SessionRecord, bool>? filter = route is null && cluster is null && destination is null ? null : session =>
            IsWanted(route, session.RouteId) && IsWanted(cluster, session.ClusterId) && IsWanted(destination, session.DestinationId);
        var page = _sessions.List(after, (int)limit, filter);
        return AdminAnswer.Json(new
        {
            total = _sessions.Count,
            next = page.Count == limit ? page[^1].Id : (long?)null,
            sessions = page.Select(AdminViews.Describe),
        });
    }

    private AdminAnswer FindSession(HttpRequest request) => !TryReadId(request, out var id) || _sessions.Find(id) is not { } session
        ? UnknownSession(request)
        : AdminAnswer.Json(AdminViews.Describe(session));

    private AdminAnswer CutSession(HttpRequest request) => TryReadId(request, out var id) && _sessions.Cut(id)
        ? AdminAnswer.Json(new { cut = 1 })
        : UnknownSession(request);

    private async Task<AdminAnswer> ActOnDestinationAsync(HttpRequest request)
    {
        var (clusterId, destinationId) = ((string)request.RouteValues["cluster"]!, (string)request.RouteValues["destination"]!);
        if (!_proxy.TryGetCluster(clusterId, out var cluster) || !cluster.Destinations.TryGetValue(destinationId, out var destination))
        {
            return AdminAnswer.Error(StatusCodes.Status404NotFound, $"there is no destination '{destinationId}' in a cluster '{clusterId}'");
        }

        if (await ReadActionAsync(request) is not { } action)
        {
            return BadRequest("""the body must be {"action":"drain"}, {"action":"resume"} or {"action":"cut"}, of type application/json""");
        }

        return Act(action, cluster, destination) is { } done ? AdminAnswer.Json(done) : BadRequest($"action is '{action}'; accepted are drain, resume, cut");
    }

    private object? Act(string action, ClusterState cluster, DestinationState destination)
    {
        switch (action)
        {
            case "drain":
                _drain.Begin(cluster, destination);
                return new { draining = true, active = destination.ConcurrentRequestCount };
            case "resume":
                _drain.End(cluster, destination);
                return new { draining = false, active = destination.ConcurrentRequestCount };
            case "cut":
                return new { cut = _sessions.CutAll(cluster.ClusterId, destination.DestinationId) };
            default:
                return null;
        }
    }

    private static async Task<string?> ReadActionAsync(HttpRequest request)
    {
        if (request.ContentType?.StartsWith(JsonType, StringComparison.OrdinalIgnoreCase) != true)
        {
            return null;
        }

        try
        {
            using var body = await JsonDocument.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted);
            return body.RootElement is { ValueKind: JsonValueKind.Object } root && root.EnumerateObject().Count() == 1
                && root.TryGetProperty("action", out var action) && action.ValueKind == JsonValueKind.String ? action.GetString() : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The latter for a string that is no Unicode text, which is seen only when it is looked at.
            return null;
        }
    }

    private static bool IsWanted(string? wanted, string? value) => wanted is null || wanted.Equals(value, StringComparison.OrdinalIgnoreCase);

    private static bool TryReadNumber(string? text, long absent, long least, long most, out long number)
    {
        number = absent;
        return text is null || (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= least && number <= most);
    }

    private static bool TryReadId(HttpRequest request, out long id) =>
        long.TryParse((string)request.RouteValues["id"]!, NumberStyles.None, CultureInfo.InvariantCulture, out id);

    private static AdminAnswer UnknownSession(HttpRequest request) =>
        AdminAnswer.Error(StatusCodes.Status404NotFound, $"there is no session '{request.RouteValues["id"]}'");

    private static AdminAnswer BadRequest(string reason) => AdminAnswer.Error(StatusCodes.Status400BadRequest, reason);
}
