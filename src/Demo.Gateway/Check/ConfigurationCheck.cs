using Demo.Gateway.CommandLine;
using Demo.Gateway.Configuration;
using Demo.Gateway.Demonstration;
using Demo.Gateway.Errors;
using Demo.Gateway.Hosting;
using Microsoft.Extensions.Options;
using Transport.Linux;

namespace Demo.Gateway.Check;

/// <summary>
/// Reads a configuration as the start does, with the code of the start, and collects every mistake. Opens no port, loads no program, looks up no name.
/// </summary>
internal sealed class ConfigurationCheck
{
    private const string Logging = "Logging";

    private readonly List<Mistake> _mistakes = [];
    private readonly FlatConfiguration _configuration;
    private readonly KeyLocator _locator;
    private readonly ConfigurationPlaces _places;

    private ConfigurationCheck(IConfigurationRoot configuration)
    {
        _configuration = FlatConfiguration.Of(configuration);
        _locator = new KeyLocator(_configuration);
        _places = new ConfigurationPlaces(configuration);
    }

    public static CheckResult Run(GatewayCommandLine commandLine)
    {
        WebApplicationBuilder builder;
        WatchedFile? file = null;
        try
        {
            builder = GatewayApplication.CreateBuilder(commandLine);
            file = commandLine.ConfigFile is { } path ? GatewayApplication.AddFile(builder.Configuration, path) : null;
        }
        catch (Exception exception)
        {
            return CheckResult.Unreadable(StartupFailure.From(exception).Lines);
        }

        using (file)
        {
            return new ConfigurationCheck(builder.Configuration).Run(commandLine, builder);
        }
    }

    private CheckResult Run(GatewayCommandLine commandLine, WebApplicationBuilder builder)
    {
        var found = new List<string>();
        var settings = GatewaySettings.Read(builder.Configuration, found);
        var isDemonstration = GatewayApplication.IsDemonstration(commandLine, builder.Configuration);
        var routes = default(ConfiguredRoutes);
        if (isDemonstration)
        {
            _ = DemoOptions.Read(builder.Configuration, found);
        }
        else
        {
            routes = ConfiguredRoutes.Read(
                builder.Configuration.GetSection(GatewayProxy.SectionName), isWithoutAllowed: settings.StaticFiles is not null, found);
        }

        found.ForEach(text => Report(text, null));
        CheckLogging();
        CheckTransport();
        var urls = EndpointCheck.Run(_configuration, builder.Environment.ContentRootPath, Report);
        if ((routes.HasHttp || settings.StaticFiles is not null) && !GatewayApplication.HasEndpoint(builder.Configuration))
        {
            urls = [GatewayApplication.DefaultUrl];
        }

        var proxy = isDemonstration ? null : CheckProxy();
        var warnings = UnknownKeys.Find(_places.KeysInFiles).Select(warning => new Mistake(_places.Find(warning.Key), warning.Key, warning.Text));
        return new CheckResult([.. _mistakes.Distinct()], [.. warnings], proxy, urls, isDemonstration);
    }

    private void CheckLogging() => _ = ReadingWithoutMistakes.Run(
        _configuration,
        Logging,
        static configuration =>
        {
            using var provider = new ServiceCollection().AddLogging(builder => builder.AddConfiguration(configuration.GetSection(Logging))).BuildServiceProvider();
            return provider.GetRequiredService<IOptions<LoggerFilterOptions>>().Value;
        },
        Report);

    private void CheckTransport()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        _ = ReadingWithoutMistakes.Run(
            _configuration,
            LinuxTransportOptions.SectionName,
            static configuration =>
            {
                using var provider = new ServiceCollection().AddSingleton<IConfiguration>(configuration).AddEventLoops().BuildServiceProvider();
                return provider.GetRequiredService<IOptions<LinuxTransportOptions>>().Value;
            },
            Report);
    }

    private ProxyReading? CheckProxy()
    {
        // The transport's mistakes are known already; here they would hide those of the routes.
        var configuration = _configuration.Without([LinuxTransportOptions.SectionName]);
        var reading = ReadingWithoutMistakes.Run(
            configuration, GatewayProxy.SectionName, static root => ProxyReading.ReadAsync(root).GetAwaiter().GetResult(), Report);
        foreach (var text in reading?.Mistakes ?? [])
        {
            Report(text, null);
        }

        return reading;
    }

    private void Report(string text, string? key)
    {
        key ??= _locator.Find(text);
        var described = key is null ? text : AcceptedForm.Describe(key, text);
        _mistakes.Add(new Mistake(_places.Find(key), key, described + ClosestName.SuggestIn(described)));
    }
}
