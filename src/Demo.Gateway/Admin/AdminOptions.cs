using System.Globalization;
using System.Net;
using Demo.Gateway.Configuration;

namespace Demo.Gateway.Admin;

/// <summary>The section <c>Admin</c>.</summary>
/// <param name="EndPoint">Where to listen.</param>
/// <param name="Token">What actions need; <see langword="null"/> if there are none to be.</param>
internal sealed record AdminOptions(IPEndPoint EndPoint, string? Token)
{
    public const string SectionName = "Admin";

    public const string DefaultUrl = "http://127.0.0.1:9901";

    private const string UrlKey = "Url";
    private const string Off = "off";
    private const int LeastTokenLength = 16;
    private const int MostTokenLength = 256;

    public string Url => $"http://{EndPoint}";

    /// <summary>Whether only this machine can reach it. Otherwise everything but probes and the page itself needs the token.</summary>
    public bool IsLoopback => IPAddress.IsLoopback(EndPoint.Address);

    /// <returns><see langword="null"/> if there is to be no admin endpoint.</returns>
    public static AdminOptions? Read(IConfiguration configuration, List<string> mistakes)
    {
        var section = configuration.GetSection(SectionName);
        SectionKeys.Check(section, mistakes, UrlKey, nameof(Token));
        var url = section[UrlKey] ?? DefaultUrl;
        if (url.Equals(Off, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var endPoint = ReadEndPoint(url);
        if (endPoint is null)
        {
            mistakes.Add($"{SectionName}:{UrlKey} is '{url}'; accepted are http://ADDRESS:PORT, such as {DefaultUrl}, and {Off}.");
        }

        var token = section[nameof(Token)];
        if (token is not null && (token.Length is < LeastTokenLength or > MostTokenLength || token.Any(static character => character is <= ' ' or > '~')))
        {
            mistakes.Add(string.Create(CultureInfo.InvariantCulture,
                $"{SectionName}:{nameof(Token)} is not shown here; accepted are {LeastTokenLength} to {MostTokenLength} visible ASCII characters."));
        }

        if (endPoint is null)
        {
            return null;
        }

        var options = new AdminOptions(endPoint, token);
        if (!options.IsLoopback && token is null)
        {
            mistakes.Add($"{SectionName}:{UrlKey} is '{url}', which other machines can reach: {SectionName}:{nameof(Token)} must be set; " +
                $"accepted are {LeastTokenLength} to {MostTokenLength} visible ASCII characters.");
        }

        return options;
    }

    private static IPEndPoint? ReadEndPoint(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0)
        {
            return null;
        }

        if (uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            return new IPEndPoint(IPAddress.Loopback, uri.Port);
        }

        return IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) ? new IPEndPoint(address, uri.Port) : null;
    }
}
