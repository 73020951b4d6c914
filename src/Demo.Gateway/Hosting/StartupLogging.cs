namespace Demo.Gateway.Hosting;

/// <summary>Keeps the log sane: one line a record, and no stack trace for a failed start that standard error explains in one line, nor for each request.</summary>
internal static class StartupLogging
{
    public static readonly IReadOnlyDictionary<string, string?> Defaults = new Dictionary<string, string?>
    {
        ["Logging:Console:FormatterName"] = "simple",
        ["Logging:Console:FormatterOptions:SingleLine"] = "true",
        ["Logging:Console:FormatterOptions:TimestampFormat"] = "HH:mm:ss ",
        // ForwardingLog says it.
        [ForwardingLog.LevelOfYarp] = nameof(LogLevel.Error),
    };

    // Each of these logs the exception that stops the start, besides throwing it.
    private static readonly string[] s_reportedByUs =
    [
        "Microsoft.AspNetCore.Hosting.Diagnostics",
        "Microsoft.AspNetCore.Server.Kestrel",
        "Microsoft.Extensions.Hosting.Internal.Host",
        "Yarp.ReverseProxy.Configuration.ConfigProvider.ConfigurationConfigProvider",
    ];

    public static void Configure(ILoggingBuilder logging, Func<bool> hasStarted)
    {
        foreach (var category in s_reportedByUs)
        {
            logging.AddFilter(category, level => level >= LogLevel.Warning && (hasStarted() || level == LogLevel.Warning));
        }

        // What it says with a stack trace, ReloadListener says in one line.
        logging.AddFilter("Yarp.ReverseProxy.Configuration.ProxyConfigManager", LogLevel.None);
    }
}
