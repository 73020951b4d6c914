using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Yarp.Splice.Configuration;

/// <summary>A setting that holds a list: an array in configuration, or one text with commas, which is the only form that metadata has.</summary>
internal static class ListSetting
{
    private const char Separator = ',';

    /// <summary>The text form of a setting; <see langword="null"/> if it is no list.</summary>
    public static string? TextOf(IConfigurationSection setting)
    {
        var entries = setting.GetChildren().ToArray();
        if (entries.Length == 0)
        {
            return setting.Value;
        }

        // Keys that are no numbers are those of an object.
        return Array.TrueForAll(entries, static entry => entry.Value is not null && int.TryParse(entry.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            ? string.Join(Separator, entries.Select(static entry => entry.Value))
            : null;
    }

    /// <summary>The entries of the text form.</summary>
    public static string[] Split(string text) => string.IsNullOrWhiteSpace(text) ? [] : text.Split(Separator, StringSplitOptions.TrimEntries);
}
