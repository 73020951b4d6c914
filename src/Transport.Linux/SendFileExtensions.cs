using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Transport.Linux.Files;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Has files leave with sendfile(2): static files, <c>Results.File</c> of a path, and whatever else calls <c>Response.SendFileAsync</c>.</summary>
public static class SendFileExtensions
{
    /// <summary>Adds what <see cref="UseSendFile"/> needs. To be called before the application is built.</summary>
    /// <param name="services">The application's services.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddSendFile(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton<OpenFileCache>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<SendFileOptions>, SendFileOptionsValidator>());
        services.AddOptions<SendFileOptions>().ValidateOnStart();
        return services;
    }

    /// <summary>As <see cref="AddSendFile(IServiceCollection)"/>, with options.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configureOptions">Sets the options.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddSendFile(this IServiceCollection services, Action<SendFileOptions> configureOptions)
    {
        ArgumentNullException.ThrowIfNull(configureOptions);
        return services.AddSendFile().Configure(configureOptions);
    }

    /// <summary>
    /// Sends files without copying them where that is possible: HTTP/1.x without TLS on the Linux transport, and a Content-Length. Everything else stays as it is.
    /// Middleware after this one that replaces the response's body, such as compression, keeps files from being sent this way.
    /// </summary>
    /// <param name="app">The application's pipeline; before <c>UseStaticFiles</c>.</param>
    /// <returns>The same pipeline.</returns>
    /// <exception cref="InvalidOperationException"><see cref="AddSendFile(IServiceCollection)"/> was not called.</exception>
    public static IApplicationBuilder UseSendFile(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var files = app.ApplicationServices.GetService<OpenFileCache>()
            ?? throw new InvalidOperationException($"{nameof(UseSendFile)} needs services.{nameof(AddSendFile)}().");
        return app.Use(next => context =>
        {
            var protocol = context.Request.Protocol;
            if ((HttpProtocol.IsHttp11(protocol) || HttpProtocol.IsHttp10(protocol)) && context.Features.Get<IFileSendFeature>() is { CanSendFiles: true } connection)
            {
                var inner = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
                context.Features.Set<IHttpResponseBodyFeature>(new SendFileResponseBody(context, inner, connection, files));
            }

            return next(context);
        });
    }
}
