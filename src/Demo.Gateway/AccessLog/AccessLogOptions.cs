using Demo.Gateway.Configuration;

namespace Demo.Gateway.AccessLog;

/// <summary>The section <c>AccessLog</c>.</summary>
/// <param name="Format">How a line is written.</param>
/// <param name="Path">The file that is appended to; <see langword="null"/> for standard output.</param>
internal sealed record AccessLogOptions(AccessLogFormat Format, string? Path)
{
    public const string SectionName = "AccessLog";

    private const string StandardOutput = "-";

    /// <returns><see langword="null"/> without the section: no access log is kept.</returns>
    public static AccessLogOptions? Read(IConfiguration configuration, List<string> mistakes)
    {
        var section = configuration.GetSection(SectionName);
        if (!section.Exists())
        {
            return null;
        }

        if (section.Value is { } value)
        {
            mistakes.Add($"{SectionName} is '{value}'; accepted is a section, such as {SectionName}:{nameof(Path)}={StandardOutput}.");
            return null;
        }

        SectionKeys.Check(section, mistakes, nameof(Format), nameof(Path));
        var format = AccessLogFormat.Text;
        if (section[nameof(Format)] is { } text && (!Enum.TryParse(text, ignoreCase: true, out format) || !Enum.IsDefined(format) || char.IsDigit(text[0])))
        {
            mistakes.Add($"{section.Path}:{nameof(Format)} is '{text}'; accepted are Text and Json.");
        }

        var path = section[nameof(Path)] ?? StandardOutput;
        if (path.Length == 0)
        {
            mistakes.Add($"{section.Path}:{nameof(Path)} is empty; accepted is a file, or {StandardOutput} for standard output.");
            return null;
        }

        return new AccessLogOptions(format, path == StandardOutput ? null : System.IO.Path.GetFullPath(path));
    }
}
