using System.Text;

namespace Demo.Gateway.Check;

/// <summary>Routes as a table, a line for each destination.</summary>
internal static class RoutesText
{
    private const string Gap = "  ";

    public static string Write(IReadOnlyList<EffectiveRoute> routes, bool isDemonstration)
    {
        if (routes.Count == 0)
        {
            return isDemonstration ? "No route is configured, so the demonstration would run: an HTTP route and a TCP route on loopback.\n" : "There is no route.\n";
        }

        List<string[]> rows = [["ROUTE", "MODE", "ENDPOINT", "NAMES", "CLUSTER", "DESTINATIONS", "SETTINGS"]];
        foreach (var route in routes)
        {
            var names = string.Join(' ', route.Names) + (route.Path is null ? "" : $" {route.Path}");
            string[] settings =
            [
                .. route.Policy is null ? [] : new[] { $"LoadBalancingPolicy={route.Policy}" },
                .. route.Settings.Select(static setting => $"{setting.Key}={setting.Value}"),
            ];
            for (var i = 0; i < Math.Max(1, Math.Max(route.Endpoints.Count, Math.Max(route.Destinations.Count, settings.Length))); i++)
            {
                var isFirst = i == 0;
                rows.Add(
                [
                    isFirst ? route.Id : "", isFirst ? route.Mode ?? "HTTP" : "", route.Endpoints.ElementAtOrDefault(i) ?? "", isFirst ? names : "", isFirst ? route.Cluster ?? "" : "",
                    i < route.Destinations.Count ? $"{route.Destinations[i].Id}: {route.Destinations[i].Address}" : "", settings.ElementAtOrDefault(i) ?? "",
                ]);
            }
        }

        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.Append(string.Join(Gap, row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd()).Append('\n');
        }

        return text.ToString();
    }
}
