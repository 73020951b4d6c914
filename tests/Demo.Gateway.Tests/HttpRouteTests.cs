using System.Net;
using Demo.Gateway.Demonstration;
using Xunit;

namespace Demo.Gateway.Tests;

public sealed class HttpRouteTests : IAsyncLifetime
{
    private SampleUpstream _upstream = null!;
    private GatewayFactory _gateway = null!;

    public async Task InitializeAsync()
    {
        _upstream = await SampleUpstream.StartAsync("sample");
        _gateway = new GatewayFactory(_upstream.Address);
    }

    public async Task DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_matching_request_reaches_the_upstream_with_its_transforms()
    {
        using var client = _gateway.CreateClient();

        var answer = await client.GetStringAsync(new Uri("/site/hello?x=1", UriKind.Relative));

        Assert.StartsWith("Hello from sample\nGET /hello?x=1\n", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_without_a_route_is_not_found()
    {
        using var client = _gateway.CreateClient();

        using var response = await client.GetAsync(new Uri("/elsewhere", UriKind.Relative));

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task A_missing_upstream_is_a_bad_gateway()
    {
        using var client = _gateway.CreateClient();

        using var response = await client.GetAsync(new Uri("/gone", UriKind.Relative));

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
    }
}
