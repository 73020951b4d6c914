using System.Globalization;
using Demo.Gateway.Admin;
using Demo.Gateway.CommandLine;
using Demo.Gateway.Configuration;
using Demo.Gateway.Demonstration;
using Demo.Gateway.Errors;
using Demo.Gateway.Lifecycle;
using Demo.Gateway.Privileges;
using Demo.Gateway.StaticFiles;
using Demo.Gateway.Upgrade;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Configuration.Memory;
using Transport.Linux;
using Yarp.ReverseProxy.Configuration;

namespace Demo.Gateway.Hosting;

/// <summary>Puts the gateway together from what is configured, and runs it until it is told to stop.</summary>
internal static class GatewayApplication
{
    public const string DefaultUrl = "http://127.0.0.1:8080";
    private const string AppSettings = "appsettings.json";

    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(GatewayCommandLine commandLine)
    {
        var builder = CreateBuilder(commandLine);
        using var file = commandLine.ConfigFile is { } path ? AddFile(builder.Configuration, path) : null;
        var mistakes = new List<string>();
        var settings = GatewaySettings.Read(builder.Configuration, mistakes);
        var demoOptions = IsDemonstration(commandLine, builder.Configuration) ? DemoOptions.Read(builder.Configuration, mistakes) : null;
        ConfigurationMistakeException.ThrowIfAny(mistakes);
        if (settings.User is not null)
        {
            PrivilegeDrop.RequireRoot(settings.User);
        }

        var proxy = builder.Configuration.GetSection(GatewayProxy.SectionName);
        await using var demo = demoOptions is not null ? await DemoSetup.StartAsync(demoOptions) : null;
        if (demo is not null)
        {
            builder.Configuration.AddInMemoryCollection(demo.Configuration);
            demo.ChooseToken(builder.Configuration);
        }

        try
        {
            await using var application = Build(builder, proxy, demo, settings);
            var signals = application.Services.GetRequiredService<SignalLifetime>();
            if (!await TryStartAsync(application))
            {
                return signals.ExitCode;
            }

            file?.Watch(
                () => GatewayLog.FileReloaded(GatewayLogger(application), commandLine.ConfigFile!),
                reason => GatewayLog.ReloadRefused(GatewayLogger(application), reason));
            if (settings.User is { } user)
            {
                PrivilegeDrop.Become(user);
                GatewayLog.UserChanged(GatewayLogger(application), user.Name, user.UserId, user.GroupId);
            }

            ServiceManager.Notify(ServiceManager.Ready);
            file?.Look();
            // From then on the file is the next instance's.
            application.Services.GetService<UpgradeServer>()?.HandedOver.Register(() => file?.Dispose());
            if (demo is not null)
            {
                Console.Out.WriteLine(demo.Describe(application.Urls.FirstOrDefault(demo.HttpUrl), application.Services.GetService<AdminServer>()?.Url));
            }

            await StopAsync(application, signals.EndAtOnce);
            if (application.Services.GetService<EventLoopGroup>()?.Failure is { } failure)
            {
                throw new MachineRefusalException($"Stopped because an event loop failed: {failure.Message}", failure);
            }

            return signals.ExitCode;
        }
        catch (Exception exception) when (demo is not null && StartupFailure.FindAddressInUse(exception) is not null)
        {
            throw new MachineRefusalException(DescribePortInUse(StartupFailure.FindAddressInUse(exception)!, demo), exception);
        }
        catch (Exception exception) when (ValueMistake.Find(exception, proxy) is { } mistake)
        {
            throw mistake;
        }
    }

    /// <summary>False if a signal came before it had started.</summary>
    private static async Task<bool> TryStartAsync(WebApplication application)
    {
        try
        {
            await application.StartAsync();
            return true;
        }
        catch (OperationCanceledException) when (application.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Waits until it is told to stop, and stops it.</summary>
    private static async Task StopAsync(WebApplication application, CancellationToken endAtOnce)
    {
        var stopping = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        application.Lifetime.ApplicationStopping.Register(stopping.SetResult);
        await stopping.Task;
        try
        {
            await application.StopAsync(endAtOnce);
        }
        catch (OperationCanceledException)
        {
            // How the host reports that something had to be broken off; the log says what.
        }
    }

    private static WebApplication Build(WebApplicationBuilder builder, IConfigurationSection proxy, DemoSetup? demo, GatewaySettings settings)
    {
        var mistakes = new List<string>();
        var routes = ConfiguredRoutes.Read(proxy, isWithoutAllowed: settings.StaticFiles is not null, mistakes);
        ConfigurationMistakeException.ThrowIfAny(mistakes);
        var hasHttp = routes.HasHttp || settings.StaticFiles is not null;
        var hasEndpoint = HasEndpoint(builder.Configuration);
        var defaultUrl = hasEndpoint || !hasHttp ? null : demo?.HttpUrl ?? DefaultUrl;
        if (defaultUrl is not null)
        {
            builder.Configuration[WebHostDefaults.ServerUrlsKey] = defaultUrl;
        }

        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.Times.Timeout);
        builder.Services.AddSingleton(settings.Times);
        builder.Services.AddSingleton<GatewayLifecycle>();
        builder.Services.AddSingleton<SignalLifetime>();
        builder.Services.AddSingleton<IHostLifetime>(static provider => provider.GetRequiredService<SignalLifetime>());

        var hasStarted = false;
        StartupLogging.Configure(builder.Logging, () => Volatile.Read(ref hasStarted));
        builder.WebHost.UseLinuxZeroCopyTransport();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.UseSystemd());
        GatewayProxy.Add(builder.Services, builder.Configuration);
        builder.Services.AddSingleton<IConfigChangeListener, ReloadListener>();
        if (!hasEndpoint && !hasHttp)
        {
            builder.Services.AddSingleton<IServer, NoHttpServer>();
        }

        Observation.Add(builder.Services, settings);
        UpgradeServices.Add(builder.Services, settings.Upgrade);
        if (settings.StaticFiles is not null)
        {
            StaticFileServing.Add(builder, settings.StaticFiles);
        }

        var application = builder.Build();
        application.Lifetime.ApplicationStarted.Register(() => Volatile.Write(ref hasStarted, true));
        application.Lifetime.ApplicationStopping.Register(() =>
        {
            // Not once another instance is the service.
            if (!application.Services.GetRequiredService<UpgradeState>().HasHandedOver)
            {
                ServiceManager.Notify(ServiceManager.Stopping);
            }
        });
        UseInOrder(application, settings.StaticFiles);
        application.MapReverseProxy();
        if (!hasEndpoint && demo is null)
        {
            LogEndpoint(GatewayLogger(application), defaultUrl);
        }

        return application;
    }

    /// <summary>A builder that reads everything but the file of <c>--config</c>.</summary>
    public static WebApplicationBuilder CreateBuilder(GatewayCommandLine commandLine)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = [.. commandLine.Settings],
            ContentRootPath = ChooseContentRoot(commandLine),
        });
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = StartupLogging.Defaults });
        EnvironmentSource.Replace(builder.Configuration.Sources);
        return builder;
    }

    /// <summary>Whether the demonstration is to run: nobody has said anything about routes or files.</summary>
    public static bool IsDemonstration(GatewayCommandLine commandLine, IConfiguration configuration) =>
        commandLine.ConfigFile is null
        && !configuration.GetSection(GatewayProxy.SectionName).Exists()
        && !configuration.GetSection(StaticFileSettings.SectionName).Exists();

    /// <summary>Adds the file of <c>--config</c>, and reads it.</summary>
    public static WatchedFile AddFile(ConfigurationManager configuration, string path)
    {
        var file = new WatchedFile(path);
        var sources = ((IConfigurationBuilder)configuration).Sources;
        // After the last appsettings file, before environment variables and the command line.
        var position = sources.Select((source, index) => source is JsonConfigurationSource ? index + 1 : 0).Max();
        sources.Insert(position, new WatchedFileSource(file));
        return file;
    }

    // Where the caller has an appsettings.json of its own, that one counts, as in any ASP.NET Core application; else the one beside the program.
    private static string? ChooseContentRoot(GatewayCommandLine commandLine)
    {
        var isGiven = commandLine.Settings.Any(setting => setting.StartsWith("--contentRoot=", StringComparison.OrdinalIgnoreCase))
            || Environment.GetEnvironmentVariable("ASPNETCORE_CONTENTROOT") is not null
            || Environment.GetEnvironmentVariable("DOTNET_CONTENTROOT") is not null;
        return isGiven || File.Exists(AppSettings) ? null : AppContext.BaseDirectory;
    }

    public static bool HasEndpoint(IConfiguration configuration) =>
        !string.IsNullOrEmpty(configuration[WebHostDefaults.ServerUrlsKey])
        || !string.IsNullOrEmpty(configuration[WebHostDefaults.HttpPortsKey])
        || !string.IsNullOrEmpty(configuration[WebHostDefaults.HttpsPortsKey])
        || configuration.GetSection("Kestrel:Endpoints").GetChildren().Any()
        || ServiceManager.HandsSocketsOver;

    /// <summary>What sees each request before the routes do.</summary>
    private static void UseInOrder(WebApplication application, StaticFileSettings? staticFiles)
    {
        if (staticFiles is null)
        {
            Observation.Use(application);
            return;
        }

        StaticFileServing.UseSendFile(application, staticFiles);
        Observation.Use(application);
        StaticFileServing.Use(application, staticFiles);
    }

    private static void LogEndpoint(ILogger logger, string? defaultUrl)
    {
        if (defaultUrl is null)
        {
            GatewayLog.NoHttp(logger);
        }
        else
        {
            GatewayLog.DefaultEndpoint(logger, defaultUrl);
        }
    }

    private static ILogger GatewayLogger(WebApplication application) =>
        application.Services.GetRequiredService<ILoggerFactory>().CreateLogger(GatewayLog.Category);

    private static string DescribePortInUse(string address, DemoSetup demo)
    {
        var isTcp = address.EndsWith(string.Create(CultureInfo.InvariantCulture, $":{demo.TcpPort}"), StringComparison.Ordinal);
        return $"{address}: the address is in use by another program; choose another port with --Demo:{(isTcp ? "TcpPort" : "HttpPort")}=PORT.";
    }
}
