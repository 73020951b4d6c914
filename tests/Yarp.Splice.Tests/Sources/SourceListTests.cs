using Microsoft.Extensions.DependencyInjection;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests.Sources;

/// <summary>The keys of a route that hold lists, as the configuration has them.</summary>
public class SourceListTests
{
    [Theory]
    [InlineData(""" "Splice": { "AllowedSources": [ "10.0.0.0/8", "::1" ] } """)]
    [InlineData(""" "Splice": { "allowedsources": "10.0.0.0/8, ::1" } """)]
    [InlineData(""" "Metadata": { "Splice.AllowedSources": "10.0.0.0/8,::1" } """)]
    public async Task A_list_is_an_array_or_a_text_with_commas(string keys)
    {
        var gateway = TestGateway.Create(Proxy($"\"Mode\": \"Copy\", {keys}"));
        await using var app = gateway.App;
        var sources = Assert.Single(app.Services.GetRequiredService<TcpRoutes>().Current.Routes).Sources!;
        Assert.True(sources.Admit(System.Net.IPEndPoint.Parse("10.1.2.3:1")));
        Assert.True(sources.Admit(System.Net.IPEndPoint.Parse("[::1]:1")));
        Assert.False(sources.Admit(System.Net.IPEndPoint.Parse("192.0.2.1:1")));
        Assert.Null(sources.Denied);
    }

    [Theory]
    [InlineData("""[ ]""")]
    [InlineData(""" "" """)]
    public async Task An_empty_list_of_allowed_sources_allows_all(string list)
    {
        var gateway = TestGateway.Create(Proxy($$""" "Mode": "Copy", "Splice": { "AllowedSources": {{list}}, "DeniedSources": {{list}} } """));
        await using var app = gateway.App;
        Assert.Null(Assert.Single(app.Services.GetRequiredService<TcpRoutes>().Current.Routes).Sources);
    }

    [Theory]
    [InlineData(""" "AllowedSources": [ "10.0.0.0/8", "10.0.0.300" ] """,
        "Route 'r': Splice:AllowedSources has '10.0.0.300'; accepted is a list, each entry of which is an address or a network, such as 192.0.2.7,")]
    [InlineData(""" "DeniedSources": "10.0.0.7/8" """,
        "Route 'r': Splice:DeniedSources has '10.0.0.7/8'; accepted is 10.0.0.0/8 for the network or 10.0.0.7 for the address.")]
    [InlineData(""" "DeniedSources": "10.0.0.1,," """, "Route 'r': Splice:DeniedSources has ''; accepted is a list,")]
    [InlineData(""" "AllowedSources": { "office": "10.0.0.0/8" } """, "Route 'r': Splice:AllowedSources is not a list; accepted is a list,")]
    [InlineData(""" "AllowedSources": [ [ "10.0.0.0/8" ] ] """, "Route 'r': Splice:AllowedSources is not a list;")]
    [InlineData(""" "AcceptProxyProtocol": true """,
        "Route 'r': Splice:AcceptProxyProtocol has 'True'; accepted is a list of whom to believe, each entry of which is an address or a network,")]
    [InlineData(""" "AcceptProxyProtocol": [ ] """, "Route 'r': Splice:AcceptProxyProtocol is empty; accepted is a list of whom to believe,")]
    [InlineData(""" "Alpn": [ ] """, "Route 'r': Splice:Alpn is empty; accepted is a list of protocols")]
    [InlineData(""" "Alpn": [ "h2", "http 1" ] """, "Route 'r': Splice:Alpn has 'http 1'; accepted is a list of protocols as clients offer them (ALPN), each of 1 to 255")]
    [InlineData(""" "IdleTimeout": [ "01:00:00" ] """, "Route 'r': Splice:IdleTimeout is not a single value;")]
    public void A_wrong_list_stops_the_start_with_a_message(string splice, string message)
    {
        var exception = Assert.Throws<InvalidOperationException>(() => TestGateway.Create(Proxy($$""" "Mode": "Copy", "Splice": { {{splice}} } """)));
        Assert.Contains(message, exception.ToString(), StringComparison.Ordinal);
    }

    private static string Proxy(string keys) => $$"""
        { "Routes": { "r": { "ClusterId": "c", "Match": { "Hosts": [ "*:15432" ] }, {{keys}} } },
          "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:9" } } } } }
        """;
}
