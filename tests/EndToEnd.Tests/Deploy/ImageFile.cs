using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EndToEnd.Tests.Fixtures;

namespace EndToEnd.Tests.Deploy;

/// <summary>What deploy/Containerfile says.</summary>
internal static partial class ImageFile
{
    private static readonly string s_text = DeployFiles.Read("Containerfile");

    /// <summary>The file capabilities of the program, as capabilities(7) names them without <c>CAP_</c>, in order.</summary>
    public static IEnumerable<string> Capabilities =>
        SetCapabilities().Match(s_text).Groups["names"].Value.Split(',').Select(static name => name["cap_".Length..].ToUpperInvariant()).Order();

    /// <summary>Where the image's command looks for the configuration.</summary>
    public static string ConfigurationPath => Command() is ["--config", var path] ? path : throw new FormatException("CMD is not --config FILE");

    private static string[] Command() => [.. JsonNode.Parse(CommandLine().Match(s_text).Groups["list"].Value)!.AsArray().Select(static one => one!.GetValue<string>())];

    [GeneratedRegex("setcap (?<names>[a-z_,]+)=p ")]
    private static partial Regex SetCapabilities();

    [GeneratedRegex(@"^CMD (?<list>\[.*\])$", RegexOptions.Multiline)]
    private static partial Regex CommandLine();
}
