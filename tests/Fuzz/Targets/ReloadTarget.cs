using System.Text;
using System.Text.Json;
using Demo.Gateway.Configuration;

namespace Fuzz.Targets;

/// <summary>Changes of a running gateway's configuration: one is applied as a whole, or nothing of it.</summary>
internal sealed class ReloadTarget : FuzzTarget
{
    [ThreadStatic]
    private static InProcessGateway? s_gateway;

    public override string Name => "reload";

    public override int Cost => 400;

    public override TimeSpan Limit => TimeSpan.FromSeconds(20);

    public override FuzzCase Generate(FuzzRandom random)
    {
        var text = ConfigurationText.Create(random);
        var bytes = Encoding.UTF8.GetBytes(text.Root.ToJsonString());
        return random.OneIn(2) ? new FuzzCase(bytes, text) : new FuzzCase(text.Damage(random), null);
    }

    public override string? Check(FuzzCase input, FuzzRandom random)
    {
        IDictionary<string, string?> data;
        try
        {
            // The rest is read at a start only.
            data = JsonText.Parse(input.Input).Where(static pair => pair.Key.StartsWith("ReverseProxy:", StringComparison.OrdinalIgnoreCase)).ToDictionary(
                StringComparer.OrdinalIgnoreCase);
        }
        catch (Exception exception) when (exception is FormatException or JsonException or InvalidOperationException)
        {
            // A file that is no JSON changes nothing: its watcher does not hand it on.
            return null;
        }

        s_gateway ??= new InProcessGateway(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase));
        var before = s_gateway.State;
        var isApplied = s_gateway.Replace(data);
        var after = s_gateway.State;
        if (!isApplied)
        {
            return after == before ? null : $"refused, and yet\n{before}\nbecame\n{after}";
        }

        if (input.Meaning is ConfigurationText { WrongValues.Count: > 0 } text && text.Root["ReverseProxy"]!.ToJsonString() is var proxy &&
            text.WrongValues.FirstOrDefault(value => proxy.Contains(JsonSerializer.Serialize(value), StringComparison.Ordinal)) is { } wrong)
        {
            return $"applied in spite of '{wrong}'";
        }

        using var fresh = new InProcessGateway(data);
        return fresh.State == after ? null : $"applied as\n{after}\nand by a start as\n{fresh.State}";
    }
}
