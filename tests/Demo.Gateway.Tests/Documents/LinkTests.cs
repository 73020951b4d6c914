using Xunit;

namespace Demo.Gateway.Tests.Documents;

/// <summary>No page of the repository points to a file or a heading that is not there.</summary>
public sealed class LinkTests
{
    [Fact]
    public void Every_relative_link_points_to_a_file_that_exists()
    {
        Assert.Empty(RelativeLinks().Where(static link => !Path.Exists(Path.Combine(Repository.Root, link.File)))
            .Select(static link => $"{link.Place}: there is no {link.File}"));
    }

    [Fact]
    public void Every_anchor_is_a_heading_of_its_page()
    {
        Assert.Empty(RelativeLinks()
            .Where(static link => link.Anchor.Length > 0 && Repository.Pages.TryGetValue(link.File, out var page) && !page.Anchors.Contains(link.Anchor))
            .Select(static link => $"{link.Place}: {link.File} has no heading for #{link.Anchor}; it has {string.Join(", ", Repository.Page(link.File).Anchors)}"));
    }

    [Fact]
    public void Every_page_of_docs_is_in_its_index()
    {
        var linked = Repository.Page("docs/README.md").Links.Select(static link => link.Target.Split('#')[0]);

        Assert.Empty(Repository.Pages.Keys.Where(static path => path.StartsWith("docs/", StringComparison.Ordinal) && path != "docs/README.md")
            .Select(static path => path["docs/".Length..]).Except(linked));
    }

    private static IEnumerable<(string Place, string File, string Anchor)> RelativeLinks()
    {
        var links = Repository.Pages.SelectMany(static page => page.Value.Links.Select(link => (Path: page.Key, Link: link)))
            .Where(static link => !Uri.TryCreate(link.Link.Target, UriKind.Absolute, out _)).ToArray();
        Assert.NotEmpty(links);
        foreach (var (path, link) in links)
        {
            var parts = link.Target.Split('#', 2);
            var file = parts[0].Length == 0
                ? path
                : Path.GetRelativePath(Repository.Root, Path.GetFullPath(Path.Combine(Repository.Root, Path.GetDirectoryName(path)!, Uri.UnescapeDataString(parts[0]))));
            yield return ($"{path}:{link.Line}", file, parts.Length > 1 ? parts[1] : "");
        }
    }
}
