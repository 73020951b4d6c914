using System.Globalization;
using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Demo.Gateway.Admin;

/// <summary>
/// The admin endpoint: an application of its own on Kestrel's socket transport, so that neither its requests run on the event loops nor its paths
/// exist on public endpoints. Starts before the ports open, and stops last.
/// </summary>
internal sealed class AdminServer(AdminOptions options, AdminApi api, ILoggerFactory loggerFactory) : IHostedLifecycleService, IDisposable
{
    private const int MaxConnections = 128;
    private const int MaxBody = 16 * 1024;

    private readonly ILogger _logger = loggerFactory.CreateLogger(GatewayLog.Category);
    private readonly AdminGuard _guard = new(options);
    private readonly AdminRate _rate = new();
    private WebApplication? _application;

    /// <summary>Where it listens.</summary>
    public string Url => _application?.Urls.FirstOrDefault() ?? options.Url;

    /// <summary>Where it listens, or is to listen, as an address and a port.</summary>
    public string Address => _application is null ? options.EndPoint.ToString() : new Uri(Url).Authority;

    /// <summary>Whether it is not opened at the start, because another instance has its address until it is relieved.</summary>
    public bool IsHeldBack { get; private set; }

    public void HoldBack() => IsHeldBack = true;

    public Task StartAsync(CancellationToken cancellationToken) => IsHeldBack ? Task.CompletedTask : OpenAsync(cancellationToken);

    /// <exception cref="MachineRefusalException">The address cannot be listened on.</exception>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        // The empty builder reads no configuration: settings meant for the gateway must not reach this.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(Configure);
        var application = builder.Build();
        application.Run(AnswerAsync);
        try
        {
            await application.StartAsync(cancellationToken);
        }
        catch (IOException exception)
        {
            await application.DisposeAsync();
            var reason = exception.InnerException is AddressInUseException ? "the address is in use by another program" : SingleLine.Of(exception.Message);
            throw new MachineRefusalException(
                $"Admin:Url is '{options.Url}': {reason}; choose another with --Admin:Url=http://127.0.0.1:PORT, or none with --Admin:Url=off.", exception);
        }

        _application = application;
        GatewayLog.AdminListens(_logger, Url, options.Token is null ? "off: Admin:Token is not set" : "on");
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) =>
        // Probes and viewers are not waited for.
        CloseAsync(new CancellationToken(canceled: true));

    /// <summary>Listens no more, and lets answers under way finish until the token says that it was long enough.</summary>
    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        if (_application is not null)
        {
            await _application.StopAsync(cancellationToken);
        }
    }

    public void Dispose()
    {
        (_application as IDisposable)?.Dispose();
        _rate.Dispose();
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.MaxRequestBodySize = MaxBody;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
        kestrel.Listen(options.EndPoint, static listen => listen.Protocols = HttpProtocols.Http1);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        AdminAnswer answer;
        try
        {
            answer = await FindAnswerAsync(context);
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException exception)
        {
            answer = AdminAnswer.Error(exception.StatusCode, exception.Message);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            GatewayLog.AdminFailed(_logger, context.Request.Path.ToString(), exception);
            answer = AdminAnswer.Error(StatusCodes.Status500InternalServerError, "the gateway failed to answer; its log says why");
        }

        await WriteAsync(context, answer);
    }

    private async Task<AdminAnswer> FindAnswerAsync(HttpContext context)
    {
        var found = api.Find(context.Request, out var refusal);
        if (found is null)
        {
            return refusal!;
        }

        if (_guard.Check(context.Request, found.Access) is { } refused)
        {
            return refused;
        }

        if (found.Access == AdminAccess.Open)
        {
            return await found.Handler(context.Request);
        }

        if (!await _rate.TryEnterAsync(context.RequestAborted))
        {
            return AdminAnswer.Error(StatusCodes.Status429TooManyRequests, "too many requests of the admin endpoint") with { RetryAfter = 1 };
        }

        try
        {
            return await found.Handler(context.Request);
        }
        finally
        {
            _rate.Leave();
        }
    }

    private static async Task WriteAsync(HttpContext context, AdminAnswer answer)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        response.ContentType = answer.ContentType;
        response.ContentLength = answer.Body.Length;
        var headers = response.Headers;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.ContentSecurityPolicy = answer.ContentSecurityPolicy;
        if (answer.Status == StatusCodes.Status401Unauthorized)
        {
            headers.WWWAuthenticate = "Bearer";
        }

        if (answer.Allow is not null)
        {
            headers.Allow = answer.Allow;
        }

        if (answer.RetryAfter is { } seconds)
        {
            headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(answer.Body, context.RequestAborted);
        }
    }
}
