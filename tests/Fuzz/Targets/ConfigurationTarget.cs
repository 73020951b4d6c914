using System.Text;
using Demo.Gateway.Check;
using Demo.Gateway.CommandLine;
using Testing;

namespace Fuzz.Targets;

/// <summary>Configuration files, read as the start reads them: right ones are taken as they stand, and of wrong ones each wrong value is named.</summary>
internal sealed class ConfigurationTarget : FuzzTarget
{
    public override string Name => "configuration";

    public override int Cost => 400;

    public override TimeSpan Limit => TimeSpan.FromSeconds(20);

    public override FuzzCase Generate(FuzzRandom random)
    {
        var text = ConfigurationText.Create(random);
        var bytes = Encoding.UTF8.GetBytes(text.Root.ToJsonString());
        return random.Below(4) switch
        {
            0 => new FuzzCase(Mutation.Apply(bytes, random, bytes), null),
            1 => new FuzzCase(text.Damage(random), null),
            _ => new FuzzCase(bytes, text),
        };
    }

    public override string? Check(FuzzCase input, FuzzRandom random)
    {
        using var folder = new TemporaryFolder("fuzz");
        var file = folder["gateway.json"];
        File.WriteAllBytes(file, input.Input);
        var result = ConfigurationCheck.Run(GatewayCommandLine.Parse(["--config", file]));
        var lines = result.Mistakes.Select(static mistake => mistake.ToString()).ToArray();
        if (input.Meaning is not ConfigurationText text)
        {
            return null;
        }

        if (text.WrongValues.Count == 0)
        {
            return lines.Length > 0 ? $"a right configuration is refused: {lines[0]}" : FindOther(result, text);
        }

        return text.WrongValues.FirstOrDefault(value => !lines.Any(line => line.Contains(value, StringComparison.OrdinalIgnoreCase))) is { } unsaid
            ? $"'{unsaid}' is wrong, and what is said is: {string.Join(" / ", lines)}"
            : null;
    }

    /// <summary>A key that was read as something else.</summary>
    private static string? FindOther(CheckResult result, ConfigurationText text)
    {
        var routes = result.Proxy!.Routes.ToDictionary(static route => route.RouteId);
        foreach (var (place, value) in text.RightValues)
        {
            var (route, key) = (place[..place.IndexOf(':', StringComparison.Ordinal)], place[(place.IndexOf(':', StringComparison.Ordinal) + 1)..]);
            if (routes.GetValueOrDefault(route)?.Metadata?.GetValueOrDefault(key) is var read && read != value)
            {
                return $"{place} is '{value}', and was read as '{read}'";
            }
        }

        return null;
    }
}
