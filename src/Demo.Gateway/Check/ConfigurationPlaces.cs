using System.Globalization;
using System.Text;
using Demo.Gateway.Configuration;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;

namespace Demo.Gateway.Check;

/// <summary>Where the value of a key came from: a line of a file, an environment variable, or the command line.</summary>
internal sealed class ConfigurationPlaces
{
    private readonly List<(IConfigurationProvider Provider, string Name, Dictionary<string, int>? Lines)> _sources = [];

    public ConfigurationPlaces(IConfigurationRoot configuration)
    {
        // The last provider that has a key decides.
        foreach (var provider in configuration.Providers.Reverse())
        {
            switch (provider)
            {
                case WatchedFile file:
                    AddFile(provider, file.Path, file.Path);
                    break;
                case JsonConfigurationProvider { Source: { FileProvider: { } files, Path: { } path } } when files.GetFileInfo(path) is { Exists: true, PhysicalPath: { } full }:
                    AddFile(provider, path, full);
                    break;
                case EnvironmentVariablesConfigurationProvider:
                    _sources.Add((provider, "environment", null));
                    break;
                case CommandLineConfigurationProvider:
                    _sources.Add((provider, "command line", null));
                    break;
            }
        }
    }

    /// <summary>The keys that files have, each with its line.</summary>
    public IEnumerable<string> KeysInFiles => _sources.SelectMany(static source => source.Lines?.Keys.AsEnumerable() ?? []).Distinct(StringComparer.OrdinalIgnoreCase);

    /// <summary>The place of a key, or of the nearest key above it that has one.</summary>
    public string? Find(string? key)
    {
        for (; key is not null; key = key.LastIndexOf(':') is > 0 and var colon ? key[..colon] : null)
        {
            foreach (var (provider, name, lines) in _sources)
            {
                if (lines is null)
                {
                    if (provider.TryGet(key, out _))
                    {
                        return name;
                    }
                }
                else if (lines.TryGetValue(key, out var line))
                {
                    return string.Create(CultureInfo.InvariantCulture, $"{name}:{line}");
                }
            }
        }

        return null;
    }

    private void AddFile(IConfigurationProvider provider, string name, string path)
    {
        try
        {
            // As text first, like the configuration system, which takes other encodings, too, and replaces what is wrong in its own.
            _sources.Add((provider, name, JsonKeyLines.Read(Encoding.UTF8.GetBytes(File.ReadAllText(path)))));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or System.Text.Json.JsonException)
        {
            // It was readable a moment ago. Without its lines the file still has a name.
            _sources.Add((provider, name, []));
        }
    }
}
