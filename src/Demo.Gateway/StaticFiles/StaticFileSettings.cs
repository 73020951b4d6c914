using System.Globalization;
using Demo.Gateway.Configuration;
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

    /// <returns><see langword="null"/> without the section: no files are served. What is returned beside mistakes is not to be used.</returns>
    public static StaticFileSettings? Read(IConfiguration configuration, List<string> mistakes)
    {
        var section = configuration.GetSection(SectionName);
        if (!section.Exists())
        {
            return null;
        }

        if (section.Value is { } value)
        {
            mistakes.Add($"{SectionName} is '{value}'; accepted is a section, such as {SectionName}:{nameof(Root)}=/srv/www.");
            return null;
        }

        SectionKeys.Check(
            section, mistakes, nameof(Root), nameof(RequestPath), nameof(DefaultFile), nameof(DefaultContentType), nameof(SendFile),
            nameof(SendFileOptions.MaxOpenFiles), nameof(SendFileOptions.OpenFileIdleTimeout), nameof(SendFileOptions.OpenFileValidity));
        var defaults = new SendFileOptions();
        var reader = new Reader(section, mistakes);
        return new StaticFileSettings(
            reader.Root(),
            reader.RequestPath(),
            reader.DefaultFile(),
            section[nameof(DefaultContentType)],
            reader.Switch(nameof(SendFile)),
            new SendFileOptions
            {
                MaxOpenFiles = reader.MaxOpenFiles(defaults.MaxOpenFiles),
                OpenFileIdleTimeout = reader.Time(
                    nameof(defaults.OpenFileIdleTimeout), defaults.OpenFileIdleTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)),
                OpenFileValidity = reader.Time(nameof(defaults.OpenFileValidity), defaults.OpenFileValidity, TimeSpan.Zero, TimeSpan.FromHours(1)),
            });
    }

    private sealed class Reader(IConfigurationSection section, List<string> mistakes)
    {
        public string Root()
        {
            var root = section[nameof(Root)];
            return Directory.Exists(root)
                ? Path.GetFullPath(root)
                : Refuse(nameof(Root), root, "a folder that exists and that the gateway may read", "");
        }

        public string RequestPath()
        {
            var path = (section[nameof(RequestPath)] ?? "").TrimEnd('/');
            return path.Length == 0 || (path[0] == '/' && !path.Contains('%', StringComparison.Ordinal) && !path.Contains('?', StringComparison.Ordinal))
                ? path
                : Refuse(nameof(RequestPath), path, "a path such as /assets, not encoded, or / for any", "");
        }

        public string DefaultFile()
        {
            var name = section[nameof(DefaultFile)] ?? "index.html";
            return name.Contains('/', StringComparison.Ordinal)
                ? Refuse(nameof(DefaultFile), name, "a file's name without a folder, or nothing for none", "")
                : name;
        }

        public bool Switch(string key) => section[key] switch
        {
            null => true,
            { } text => bool.TryParse(text, out var value) ? value : Refuse(key, text, "true and false", true),
        };

        public int MaxOpenFiles(int byDefault) => section[nameof(MaxOpenFiles)] switch
        {
            null => byDefault,
            { } text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= MostOpenFiles
                ? number
                : Refuse(nameof(MaxOpenFiles), text, $"a number from 0 to {MostOpenFiles}", byDefault),
        };

        // A bare number would be read as days.
        public TimeSpan Time(string key, TimeSpan byDefault, TimeSpan least, TimeSpan most) => section[key] switch
        {
            null => byDefault,
            { } text => text.Contains(':', StringComparison.Ordinal)
                && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) && time >= least && time <= most
                ? time
                : Refuse(key, text, $"a duration from {least} to {most}, such as {byDefault}", byDefault),
        };

        private T Refuse<T>(string key, string? value, string accepted, T instead)
        {
            mistakes.Add($"{section.Path}:{key} is {(value is null ? "missing" : $"'{value}'")}; accepted is {accepted}.");
            return instead;
        }
    }
}
