using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Demo.Gateway.Admin;

/// <summary>
/// Decides who may ask for what. The token travels in the Authorization header only, which no other site's page can set without asking first; nothing
/// answers that question with yes (there are no cookies and no CORS).
/// </summary>
internal sealed class AdminGuard(AdminOptions options)
{
    private const string Scheme = "Bearer ";

    private readonly byte[]? _token = options.Token is null ? null : Digest(options.Token);

    /// <summary>Why the request is refused, or <see langword="null"/>.</summary>
    public AdminAnswer? Check(HttpRequest request, AdminAccess access)
    {
        var header = request.Headers.Authorization.ToString();
        var hasToken = _token is not null && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            // Of digests, so that neither the time nor the length tells anything.
            && CryptographicOperations.FixedTimeEquals(Digest(header[Scheme.Length..].Trim()), _token);
        if (access == AdminAccess.Open)
        {
            return null;
        }

        if (header.Length > 0 && !hasToken && _token is not null)
        {
            return Unauthorized("the token is wrong");
        }

        if (access == AdminAccess.Action && _token is null)
        {
            return AdminAnswer.Error(StatusCodes.Status403Forbidden, "actions are off because Admin:Token is not set");
        }

        if (!hasToken && (access == AdminAccess.Action || !options.IsLoopback))
        {
            return Unauthorized("a token is needed: Authorization: Bearer TOKEN, with the value of Admin:Token");
        }

        // A page of another site whose name was made to point here (DNS rebinding) has its own name in Host, and never the token.
        if (!hasToken && !IsOwnName(request.Host.Host))
        {
            return AdminAnswer.Error(StatusCodes.Status421MisdirectedRequest, "without a token the host must be an IP address or localhost");
        }

        return IsFromOtherSite(request) ? AdminAnswer.Error(StatusCodes.Status403Forbidden, "requests of other sites are refused") : null;
    }

    private static AdminAnswer Unauthorized(string reason) => AdminAnswer.Error(StatusCodes.Status401Unauthorized, reason);

    private static bool IsOwnName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host.Trim('[', ']'), out _);

    private static bool IsFromOtherSite(HttpRequest request)
    {
        var origin = request.Headers.Origin.ToString();
        return (origin.Length > 0 && !origin.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase))
            || request.Headers["Sec-Fetch-Site"] == "cross-site";
    }

    private static byte[] Digest(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
