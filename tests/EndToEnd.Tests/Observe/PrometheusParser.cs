using System.Globalization;
using System.Text.RegularExpressions;

namespace EndToEnd.Tests.Observe;

/// <summary>Reads the Prometheus text format, version 0.0.4, and accepts nothing that the format does not allow, nor what a scraper would have to guess.</summary>
internal sealed partial class PrometheusParser
{
    private readonly Dictionary<string, string> _types = [];
    private readonly HashSet<string> _helped = [];
    private readonly HashSet<string> _finished = [];
    private readonly Dictionary<string, Sample> _samples = [];
    private string _family = "";

    private PrometheusParser()
    {
    }

    public IReadOnlyDictionary<string, string> Types => _types;

    public IReadOnlyCollection<Sample> Samples => _samples.Values;

    /// <exception cref="FormatException">The text is not the format; says the line.</exception>
    public static PrometheusParser Parse(string text)
    {
        var parser = new PrometheusParser();
        Require(text.EndsWith('\n'), "the last line has no end", "");
        foreach (var line in text[..^1].Split('\n'))
        {
            parser.ReadLine(line);
        }

        parser.CheckHistograms();
        return parser;
    }

    /// <summary>The sum over the series of a metric that carry these labels.</summary>
    public double Sum(string name, params (string Name, string Value)[] labels) => Samples
        .Where(sample => sample.Name == name && labels.All(label => sample.Labels.GetValueOrDefault(label.Name) == label.Value))
        .Sum(static sample => sample.Value);

    private static void Require(bool condition, string reason, string line)
    {
        if (!condition)
        {
            throw new FormatException($"{reason}: {line}");
        }
    }

    private void ReadLine(string line)
    {
        if (Comment().Match(line) is { Success: true } comment)
        {
            ReadComment(comment, line);
            return;
        }

        Require(!line.StartsWith('#'), "neither HELP nor TYPE", line);
        var match = SampleLine().Match(line);
        Require(match.Success, "no sample", line);
        var name = match.Groups["name"].Value;
        var labels = ReadLabels(match.Groups["labels"].Value, line);
        Require(IsOf(name, labels), $"not a sample of the family '{_family}', or without its TYPE", line);
        var key = $"{name}|{string.Join('|', labels.OrderBy(static label => label.Key, StringComparer.Ordinal))}";
        Require(_samples.TryAdd(key, new Sample(name, labels, ReadValue(match.Groups["value"].Value))), "the series is there twice", line);
    }

    private void ReadComment(Match comment, string line)
    {
        var name = comment.Groups["name"].Value;
        if (name != _family)
        {
            Require(_finished.Add(_family), "unreachable", line);
            Require(!_finished.Contains(name), "the family is in two places", line);
            _family = name;
        }

        if (comment.Groups["what"].Value == "HELP")
        {
            Require(_helped.Add(name), "a second HELP", line);
            Require(!BadEscape().IsMatch(comment.Groups["rest"].Value), "an unknown escape", line);
            return;
        }

        Require(comment.Groups["rest"].Value is "counter" or "gauge" or "histogram" or "summary" or "untyped", "an unknown type", line);
        Require(_types.TryAdd(name, comment.Groups["rest"].Value), "a second TYPE", line);
        Require(!Samples.Any(sample => sample.Name == name), "TYPE after the first sample", line);
        Require(comment.Groups["rest"].Value != "counter" || name.EndsWith("_total", StringComparison.Ordinal), "a counter's name ends in _total", line);
    }

    private bool IsOf(string name, Dictionary<string, string> labels)
    {
        if (!_types.TryGetValue(_family, out var type))
        {
            return false;
        }

        return type == "histogram"
            ? (name == $"{_family}_bucket" && labels.ContainsKey("le")) || ((name == $"{_family}_sum" || name == $"{_family}_count") && !labels.ContainsKey("le"))
            : name == _family;
    }

    private void CheckHistograms()
    {
        foreach (var (family, _) in _types.Where(static pair => pair.Value == "histogram"))
        {
            var counts = Samples.Where(sample => sample.Name == $"{family}_count").ToDictionary(static sample => KeyOf(sample), static sample => sample.Value);
            var sums = Samples.Where(sample => sample.Name == $"{family}_sum").Select(KeyOf).ToHashSet();
            var groups = Samples.Where(sample => sample.Name == $"{family}_bucket").GroupBy(KeyOf).ToArray();
            Require(groups.Length == counts.Count && sums.SetEquals(counts.Keys), "buckets, sums and counts are not of the same series", family);
            foreach (var group in groups)
            {
                var bounds = group.Select(static sample => ReadValue(sample.Labels["le"])).ToArray();
                Require(bounds.SequenceEqual(bounds.Distinct().Order()) && double.IsPositiveInfinity(bounds[^1]), "buckets are not sorted up to +Inf", family);
                var values = group.Select(static sample => sample.Value).ToArray();
                Require(values.SequenceEqual(values.Order()), "bucket counts fall", family);
                Require(counts.TryGetValue(group.Key, out var count) && count == values[^1], "+Inf is not the count", family);
            }
        }
    }

    private static string KeyOf(Sample sample) => string.Join('|', sample.Labels.Where(static label => label.Key != "le").OrderBy(static label => label.Key, StringComparer.Ordinal));

    private static Dictionary<string, string> ReadLabels(string text, string line)
    {
        var labels = new Dictionary<string, string>();
        var position = 0;
        foreach (var match in Label().Matches(text).Cast<Match>())
        {
            Require(match.Index == position && (position == 0) == (match.Groups["comma"].Length == 0), "labels are not separated by commas", line);
            position += match.Length;
            var value = match.Groups["value"].Value;
            Require(!BadEscape().IsMatch(value.Replace("\\\"", "", StringComparison.Ordinal)), "an unknown escape", line);
            value = Escaped().Replace(value, static escape => escape.Value == @"\n" ? "\n" : escape.Value[1..]);
            Require(labels.TryAdd(match.Groups["name"].Value, value), "a label is there twice", line);
        }

        Require(position == text.Length, "malformed labels", line);
        return labels;
    }

    private static double ReadValue(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        "NaN" => double.NaN,
        _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };

    [GeneratedRegex("^# (?<what>HELP|TYPE) (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<rest>.*)$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>.+)\})? (?<value>[+-]Inf|NaN|[-+]?[0-9.]+([eE][-+]?[0-9]+)?)$")]
    private static partial Regex SampleLine();

    [GeneratedRegex(@"\G(?<comma>,?)(?<name>[a-zA-Z_][a-zA-Z0-9_]*)=""(?<value>([^""\\]|\\.)*)""")]
    private static partial Regex Label();

    [GeneratedRegex(@"\\[\\n""]")]
    private static partial Regex Escaped();

    [GeneratedRegex(@"(?<!\\)(\\\\)*\\[^\\n]")]
    private static partial Regex BadEscape();

    /// <summary>One line.</summary>
    public sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);
}
