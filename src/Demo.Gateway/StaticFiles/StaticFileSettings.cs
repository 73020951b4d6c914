using System.Globalization;
using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;
using Transport.Linux;

namespace Demo.Gateway.StaticFiles;

/// <summary>The section <c>StaticFiles</c>.</summary>
/// <param name="Root">The folder whose files are served.</param>
/// <param name="RequestPath">What a request's path begins with, such as <c>/assets</c>; empty for any path.</param>
/// <param name="DefaultFile">What is served for a folder; empty for nothing.</param>
/// <param name="DefaultContentType">Of files whose extension says nothing; <see langword="null"/> if those are not served.</param>
/// <param name="SendFile">Whether sendfile(2) sends them where it can.</param>
/// <param name="OpenFiles">The cache of open files.</param>
internal sealed record StaticFileSettings(
    string Root, string RequestPath, string DefaultFile, string? DefaultContentType, bool SendFile, SendFileOptions OpenFiles)
{
    public const string SectionName = "StaticFiles";

    private const int MostOpenFiles = 1_000_000;

    /// <returns><see langword="null"/> without the section: no files are served.</returns>
    public static StaticFileSettings? Read(IConfiguration configuration)
    {
        var section = configuration.GetSection(SectionName);
        if (!section.Exists())
        {
            return null;
        }

        if (section.Value is { } value)
        {
            throw new ConfigurationMistakeException($"{SectionName} is '{value}'; accepted is a section, such as {SectionName}:{nameof(Root)}=/srv/www.");
        }

        SectionKeys.Check(
            section, nameof(Root), nameof(RequestPath), nameof(DefaultFile), nameof(DefaultContentType), nameof(SendFile),
            nameof(SendFileOptions.MaxOpenFiles), nameof(SendFileOptions.OpenFileIdleTimeout), nameof(SendFileOptions.OpenFileValidity));
        var defaults = new SendFileOptions();
        return new StaticFileSettings(
            ReadRoot(section),
            ReadRequestPath(section),
            ReadDefaultFile(section),
            section[nameof(DefaultContentType)],
            ReadSwitch(section, nameof(SendFile)),
            new SendFileOptions
            {
                MaxOpenFiles = ReadMaxOpenFiles(section, defaults.MaxOpenFiles),
                OpenFileIdleTimeout = ReadTime(
                    section, nameof(defaults.OpenFileIdleTimeout), defaults.OpenFileIdleTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)),
                OpenFileValidity = ReadTime(section, nameof(defaults.OpenFileValidity), defaults.OpenFileValidity, TimeSpan.Zero, TimeSpan.FromHours(1)),
            });
    }

    private static string ReadRoot(IConfigurationSection section)
    {
        var root = section[nameof(Root)];
        return Directory.Exists(root)
            ? Path.GetFullPath(root)
            : throw Mistake(section, nameof(Root), root, "a folder that exists and that the gateway may read");
    }

    private static string ReadRequestPath(IConfigurationSection section)
    {
        var path = (section[nameof(RequestPath)] ?? "").TrimEnd('/');
        return path.Length == 0 || (path[0] == '/' && !path.Contains('%', StringComparison.Ordinal) && !path.Contains('?', StringComparison.Ordinal))
            ? path
            : throw Mistake(section, nameof(RequestPath), path, "a path such as /assets, not encoded, or / for any");
    }

    private static string ReadDefaultFile(IConfigurationSection section)
    {
        var name = section[nameof(DefaultFile)] ?? "index.html";
        return name.Contains('/', StringComparison.Ordinal)
            ? throw Mistake(section, nameof(DefaultFile), name, "a file's name without a folder, or nothing for none")
            : name;
    }

    private static bool ReadSwitch(IConfigurationSection section, string key) => section[key] switch
    {
        null => true,
        { } text => bool.TryParse(text, out var value) ? value : throw Mistake(section, key, text, "true and false"),
    };

    private static int ReadMaxOpenFiles(IConfigurationSection section, int byDefault) => section[nameof(SendFileOptions.MaxOpenFiles)] switch
    {
        null => byDefault,
        { } text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= MostOpenFiles
            ? number
            : throw Mistake(section, nameof(SendFileOptions.MaxOpenFiles), text, $"a number from 0 to {MostOpenFiles}"),
    };

    // A bare number would be read as days.
    private static TimeSpan ReadTime(IConfigurationSection section, string key, TimeSpan byDefault, TimeSpan least, TimeSpan most) => section[key] switch
    {
        null => byDefault,
        { } text => text.Contains(':', StringComparison.Ordinal)
            && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) && time >= least && time <= most
            ? time
            : throw Mistake(section, key, text, $"a duration from {least} to {most}, such as {byDefault}"),
    };

    private static ConfigurationMistakeException Mistake(IConfigurationSection section, string key, string? value, string accepted) =>
        new($"{section.Path}:{key} is {(value is null ? "missing" : $"'{value}'")}; accepted is {accepted}.");
}
