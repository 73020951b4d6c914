using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests;

public class ServerNamePatternTests
{
    private static readonly string[] s_hosts =
        ["*", "a.example", "mail.example.com", "*.example.com", "*.mail.example.com", "*.com", "*.a.example"];

    [Theory]
    [InlineData("mail.example.com", "mail.example.com")]
    [InlineData("smtp.mail.example.com", "*.mail.example.com")]
    [InlineData("deep.below.mail.example.com", "*.mail.example.com")]
    [InlineData("www.example.com", "*.example.com")]
    [InlineData("notexample.com", "*.com")]
    [InlineData("example.com", "*.com")]
    [InlineData("com", "*")]
    [InlineData("a.example", "a.example")]
    [InlineData("b.a.example", "*.a.example")]
    [InlineData("other.example", "*")]
    [InlineData("..", "*")]
    [InlineData(null, "*")]
    public void Find_takes_the_exact_name_then_the_longest_wildcard_then_the_rest(string? serverName, string host) =>
        Assert.Equal(host, Routes(s_hosts).Find(serverName)?.RouteId);

    [Fact]
    public void Find_without_a_route_for_the_rest_finds_nothing()
    {
        var routes = Routes("a.example", "*.b.example");
        Assert.Null(routes.Find(null));
        Assert.Null(routes.Find("b.example"));
        Assert.Null(routes.Find("c.example"));
        Assert.True(routes.NeedsClientHello);
        Assert.False(Routes("*").NeedsClientHello);
    }

    [Theory]
    [InlineData("Mail.Example.COM", "mail.example.com")]
    [InlineData("mail.example.com.", "mail.example.com")]
    [InlineData("Bücher.example", "xn--bcher-kva.example")]
    [InlineData("*.bücher.example", "*.xn--bcher-kva.example")]
    [InlineData("_db.internal", "_db.internal")]
    [InlineData("*", "*")]
    public void TryParse_of_a_host_gives_what_clients_send(string host, string expected)
    {
        Assert.True(ServerNamePattern.TryParse(host, out var pattern, out _));
        Assert.Equal(expected, pattern.ToString());
    }

    [Theory]
    [InlineData("", "is no DNS name")]
    [InlineData("*.", "is no DNS name")]
    [InlineData("*.*.example", "is no DNS name")]
    [InlineData("a.*.example", "is no DNS name")]
    [InlineData("*mail.example", "is no DNS name")]
    [InlineData("a..example", "is no DNS name")]
    [InlineData(".example", "is no DNS name")]
    [InlineData("a b.example", "is no DNS name")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", "is no DNS name")]
    [InlineData("xn--bcher-kva.example", "accepted is its Unicode form")]
    [InlineData("127.0.0.1", "is an address")]
    [InlineData("[::1]", "is an address")]
    public void TryParse_of_what_no_client_can_ask_for_says_why(string host, string expected)
    {
        Assert.False(ServerNamePattern.TryParse(host, out _, out var error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    private static TcpPortRoutes Routes(params string[] hosts) => new(new TcpPort(443, null), [.. hosts.Select(static host =>
    {
        Assert.True(ServerNamePattern.TryParse(host, out var pattern, out _));
        return new TcpRoute { RouteId = host, ClusterId = "c", Mode = SpliceMode.Copy, Port = 443, ServerName = pattern };
    })]);
}
