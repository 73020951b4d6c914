using Microsoft.Extensions.FileProviders;
using Transport.Linux;

namespace Demo.Gateway.StaticFiles;

/// <summary>Files of a folder, served before any route is looked for.</summary>
/// <remarks>What is served and how, from conditions to ranges and paths that must not leave the folder, is ASP.NET Core's affair; only how the bytes go out is not.</remarks>
internal static class StaticFileServing
{
    public static void Add(WebApplicationBuilder builder, StaticFileSettings settings)
    {
        if (settings.SendFile)
        {
            builder.Services.AddSendFile(options =>
            {
                options.MaxOpenFiles = settings.OpenFiles.MaxOpenFiles;
                options.OpenFileIdleTimeout = settings.OpenFiles.OpenFileIdleTimeout;
                options.OpenFileValidity = settings.OpenFiles.OpenFileValidity;
            });
        }
    }

    /// <summary>Before whatever watches the response's body: it has to be Kestrel's own that is replaced.</summary>
    public static void UseSendFile(WebApplication application, StaticFileSettings settings)
    {
        if (settings.SendFile)
        {
            application.UseWhen(
                context => HttpMethods.IsGet(context.Request.Method)
                    && (settings.RequestPath.Length == 0 || context.Request.Path.StartsWithSegments(settings.RequestPath)),
                static branch => branch.UseSendFile());
        }
    }

    public static void Use(WebApplication application, StaticFileSettings settings)
    {
        var files = new LinkFollowingFileProvider(new PhysicalFileProvider(settings.Root));
        application.Lifetime.ApplicationStopped.Register(files.Dispose);
        if (settings.DefaultFile.Length > 0)
        {
            application.UseDefaultFiles(new DefaultFilesOptions
            {
                FileProvider = files,
                RequestPath = settings.RequestPath,
                DefaultFileNames = [settings.DefaultFile],
            });
        }

        var options = new StaticFileOptions
        {
            FileProvider = files,
            RequestPath = settings.RequestPath,
            ServeUnknownFileTypes = settings.DefaultContentType is not null,
        };
        if (settings.DefaultContentType is { } contentType)
        {
            options.DefaultContentType = contentType;
        }

        application.UseStaticFiles(options);

        // Otherwise it would come first, and files are not served where a route has been chosen.
        application.UseRouting();
    }
}
