using System.Globalization;

namespace Testing;

/// <summary>What this process may do (capabilities(7)).</summary>
public static class ProcessCapabilities
{
    public static bool Has(int capability)
    {
        const string Label = "CapEff:";
        var line = File.ReadLines("/proc/self/status").Single(static line => line.StartsWith(Label, StringComparison.Ordinal));
        var capabilities = ulong.Parse(line.AsSpan(Label.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return (capabilities & (1ul << capability)) != 0;
    }
}
