namespace Demo.Gateway.Admin;

/// <summary>One thing that can be asked for.</summary>
/// <param name="Method">The HTTP method.</param>
/// <param name="Path">The path; <c>{name}</c> takes one segment, which the handler gets as a route value.</param>
/// <param name="Access">What it demands.</param>
/// <param name="Handler">Answers.</param>
internal sealed record AdminRoute(string Method, string Path, AdminAccess Access, Func<HttpRequest, Task<AdminAnswer>> Handler)
{
    private readonly string[] _segments = Path.Split('/');

    /// <summary>Whether the path is this one, and its variable segments.</summary>
    public bool Matches(string[] segments, RouteValueDictionary values)
    {
        if (segments.Length != _segments.Length)
        {
            return false;
        }

        values.Clear();
        for (var i = 0; i < segments.Length; i++)
        {
            if (_segments[i] is ['{', .. var name, '}'])
            {
                values[name] = segments[i];
            }
            else if (_segments[i] != segments[i])
            {
                return false;
            }
        }

        return true;
    }
}
