using System.Text.Json.Nodes;
using YamlDotNet.RepresentationModel;

namespace EndToEnd.Tests.Fixtures;

/// <summary>The files under deploy/.</summary>
internal static class DeployFiles
{
    public static string PathOf(string name) => Path.Combine(Gateway.RepositoryRoot, "deploy", name);

    public static string Read(string name) => File.ReadAllText(PathOf(name));

    /// <summary>All documents of a YAML file, as JSON whose values are strings. A key that is there twice is an error.</summary>
    public static JsonNode[] ReadYaml(string name)
    {
        using var text = new StringReader(Read(name));
        var stream = new YamlStream();
        stream.Load(text);
        return [.. stream.Documents.Select(static document => ToJson(document.RootNode)!)];
    }

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode mapping => new JsonObject(mapping.Children.Select(static pair => KeyValuePair.Create(((YamlScalarNode)pair.Key).Value!, ToJson(pair.Value)))),
        YamlSequenceNode sequence => new JsonArray([.. sequence.Children.Select(ToJson)]),
        YamlScalarNode scalar => JsonValue.Create(scalar.Value),
        _ => throw new FormatException($"{node.GetType().Name} at {node.Start}"),
    };
}
