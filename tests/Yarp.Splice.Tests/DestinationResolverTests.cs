using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests;

/// <summary>YARP's resolver of destination names, with addresses that are not HTTP.</summary>
public class DestinationResolverTests
{
    [Fact]
    public async Task Names_become_a_destination_for_each_address_and_what_is_no_name_stays()
    {
        await using var app = TestGateway.Create("""
            { "Routes": { "r": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:15432" ] } } },
              "Clusters": { "c": { "Destinations": {
                "bare": { "Address": "localhost:1", "Metadata": { "Weight": "0" } }, "uri": { "Address": "tcp://localhost:2" },
                "unix": { "Address": "unix:@name" }, "literal": { "Address": "10.0.0.1:3" }, "http": { "Address": "http://localhost:4" } } } } }
            """, static builder => new Proxy(builder.Services).AddDnsDestinationResolver()).App;
        Assert.True(app.Services.GetRequiredService<IProxyStateLookup>().TryGetCluster("c", out var cluster));
        var destinations = cluster.Destinations.Values.ToDictionary(static state => state.DestinationId, static state => state.Model.Config);
        Assert.Equal("unix:@name", destinations["unix"].Address);
        Assert.Equal("10.0.0.1:3", destinations["literal"].Address);
        Assert.Equal("tcp://127.0.0.1:1/", destinations["bare[127.0.0.1]"].Address);
        Assert.Equal("0", destinations["bare[127.0.0.1]"].Metadata!["Weight"]);
        Assert.Equal("tcp://127.0.0.1:2/", destinations["uri[127.0.0.1]"].Address);
        Assert.Equal("http://127.0.0.1:4/", destinations["http[127.0.0.1]"].Address);
        Assert.All(destinations.Values, static destination => Assert.True(DestinationAddress.TryParse(destination.Address, out var address, out _) && address.EndPoint is not null));
    }

    private sealed class Proxy(IServiceCollection services) : IReverseProxyBuilder
    {
        public IServiceCollection Services => services;
    }
}
