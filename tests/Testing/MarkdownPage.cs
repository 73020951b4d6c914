using System.Globalization;
using System.Text.RegularExpressions;

namespace Testing;

/// <summary>As much of a page of GitHub Flavored Markdown as our own pages use: headings, links, tables, fenced blocks.</summary>
public sealed partial class MarkdownPage
{
    private const string Fence = "```";

    public MarkdownPage(string text)
    {
        Text = text;
        var lines = text.ReplaceLineEndings("\n").Split('\n');
        var links = new List<PageLink>();
        var blocks = new List<CodeBlock>();
        var rows = new List<TableRow>();
        var anchors = new HashSet<string>(StringComparer.Ordinal);
        var heading = "";
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            if (line.TrimStart().StartsWith(Fence, StringComparison.Ordinal))
            {
                var end = Array.FindIndex(lines, i + 1, static other => other.Trim() == Fence);
                blocks.Add(new CodeBlock(heading, line.Trim().TrimStart('`'), i + 1, string.Join('\n', lines[(i + 1)..(end < 0 ? lines.Length : end)])));
                i = end < 0 ? lines.Length : end;
                continue;
            }

            if (HeadingLine().Match(line) is { Success: true } found)
            {
                heading = found.Groups["text"].Value;
                AddAnchor(anchors, heading);
            }
            else if (line.StartsWith('|') && !RulerLine().IsMatch(line))
            {
                rows.Add(new TableRow(heading, [.. line.Trim().Trim('|').Split('|').Select(static cell => cell.Trim())]));
            }

            foreach (Match link in Link().Matches(CodeSpan().Replace(line, "")))
            {
                links.Add(new PageLink(i + 1, link.Groups["target"].Value));
            }
        }

        (Links, Blocks, Rows, Anchors) = (links, blocks, rows, anchors);
    }

    public string Text { get; }

    public IReadOnlyList<PageLink> Links { get; }

    public IReadOnlyList<CodeBlock> Blocks { get; }

    /// <summary>Of all tables, their headers included.</summary>
    public IReadOnlyList<TableRow> Rows { get; }

    /// <summary>What may stand behind the # of a link to the page.</summary>
    public IReadOnlySet<string> Anchors { get; }

    /// <summary>What stands between backticks in a text.</summary>
    public static IEnumerable<string> CodeSpans(string text) => CodeSpan().Matches(text).Select(static span => span.Value.Trim('`'));

    // As GitHub makes them: lower case, spaces to hyphens, without punctuation; a number behind what is there already.
    private static void AddAnchor(HashSet<string> anchors, string heading)
    {
        var text = LinkText().Replace(heading, "${text}").ToLowerInvariant();
        var anchor = string.Concat(text.Where(static character => char.IsLetterOrDigit(character) || character is ' ' or '-' or '_')).Replace(' ', '-');
        for (var (name, number) = (anchor, 1); !anchors.Add(name); number++)
        {
            name = string.Create(CultureInfo.InvariantCulture, $"{anchor}-{number}");
        }
    }

    [GeneratedRegex("^#{1,6} (?<text>.+)$")]
    private static partial Regex HeadingLine();

    [GeneratedRegex(@"^\|( *:?-+:? *\|)+ *$")]
    private static partial Regex RulerLine();

    [GeneratedRegex("`[^`]+`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\]\((?<target>[^()\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\[(?<text>[^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkText();
}
