using System.Globalization;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Demo.Gateway.Check;

/// <summary>Has Kestrel read the HTTP endpoints, certificates included, without opening one.</summary>
internal static class EndpointCheck
{
    private const string Kestrel = "Kestrel";
    private const string Endpoints = $"{Kestrel}:Endpoints";

    /// <param name="configuration">The whole configuration.</param>
    /// <param name="contentRoot">Where relative paths of certificates start.</param>
    /// <param name="report">Receives each mistake, and its key where that is known.</param>
    /// <returns>The URLs of the endpoints.</returns>
    public static IReadOnlyList<string> Run(FlatConfiguration configuration, string contentRoot, Action<string, string?> report)
    {
        var host = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = contentRoot });
        host.WebHost.UseKestrel();
        using var application = host.Build();

        var root = configuration.Build();
        var names = root.GetSection(Endpoints).GetChildren().Select(static endpoint => endpoint.Key).ToArray();
        foreach (var name in names)
        {
            // One at a time: Kestrel stops at the first mistake, and then says nothing of the other endpoints.
            var path = $"{Endpoints}:{name}";
            Check(configuration.Where(key => !FlatConfiguration.IsAtOrBelow(key, Endpoints) || FlatConfiguration.IsAtOrBelow(key, path)), path, application.Services, report);
        }

        if (names.Length > 0)
        {
            return [.. names.Select(name => root[$"{Endpoints}:{name}:Url"]).OfType<string>()];
        }

        var urls = UrlSettings(root).ToArray();
        foreach (var (key, url) in urls)
        {
            Check(configuration.With($"{Endpoints}:{key}:Url", url), key, application.Services, report);
        }

        return [.. urls.Select(static entry => entry.Url)];
    }

    private static void Check(FlatConfiguration configuration, string key, IServiceProvider services, Action<string, string?> report) =>
        _ = ReadingWithoutMistakes.Run(
            configuration,
            key,
            root =>
            {
                var options = new KestrelServerOptions { ApplicationServices = services };
                options.Configure(root.GetSection(Kestrel)).Load();
                return options;
            },
            (text, found) => report(text, found ?? key));

    /// <summary>What counts where no endpoint is configured.</summary>
    private static IEnumerable<(string Key, string Url)> UrlSettings(IConfiguration configuration)
    {
        foreach (var url in Split(WebHostDefaults.ServerUrlsKey))
        {
            yield return (WebHostDefaults.ServerUrlsKey, url);
        }

        if (!string.IsNullOrEmpty(configuration[WebHostDefaults.ServerUrlsKey]))
        {
            yield break;
        }

        foreach (var port in Split(WebHostDefaults.HttpPortsKey))
        {
            yield return (WebHostDefaults.HttpPortsKey, string.Create(CultureInfo.InvariantCulture, $"http://*:{port}"));
        }

        foreach (var port in Split(WebHostDefaults.HttpsPortsKey))
        {
            yield return (WebHostDefaults.HttpsPortsKey, string.Create(CultureInfo.InvariantCulture, $"https://*:{port}"));
        }

        IEnumerable<string> Split(string key) =>
            (configuration[key] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
