using System.Security.Cryptography;
using System.Text;
using Demo.Gateway.Admin;

namespace Demo.Gateway.Dashboard;

/// <summary>The dashboard: one page that brings everything with it, put together from the files beside this one.</summary>
internal static class DashboardPage
{
    public static AdminAnswer Answer { get; } = Make();

    private static AdminAnswer Make()
    {
        var (style, script) = (Read("dashboard.css"), Read("dashboard.js"));
        var page = Read("dashboard.html")
            .Replace("/*style*/", style, StringComparison.Ordinal)
            .Replace("/*script*/", script, StringComparison.Ordinal);
        // Only this style and this script, whatever a server name or a route's name contains.
        var policy = $"default-src 'none'; style-src '{HashOf(style)}'; script-src '{HashOf(script)}'; connect-src 'self'; img-src data:; " +
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        return new AdminAnswer(StatusCodes.Status200OK, "text/html; charset=utf-8", Encoding.UTF8.GetBytes(page)) { ContentSecurityPolicy = policy };
    }

    private static string HashOf(string text) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";

    private static string Read(string name)
    {
        using var stream = typeof(DashboardPage).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
