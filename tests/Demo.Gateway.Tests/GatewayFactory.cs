using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;

namespace Demo.Gateway.Tests;

/// <summary>The gateway on the in-memory test server, with routes to one upstream.</summary>
internal sealed class GatewayFactory(string upstream) : WebApplicationFactory<Program>
{
    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseSetting("Admin:Url", "off");
        builder.UseSetting("ReverseProxy:Routes:site:ClusterId", "web");
        builder.UseSetting("ReverseProxy:Routes:site:Match:Path", "/site/{**rest}");
        builder.UseSetting("ReverseProxy:Routes:site:Transforms:0:PathRemovePrefix", "/site");
        builder.UseSetting("ReverseProxy:Clusters:web:Destinations:a:Address", upstream);
        builder.UseSetting("ReverseProxy:Routes:gone:ClusterId", "gone");
        builder.UseSetting("ReverseProxy:Routes:gone:Match:Path", "/gone");
        builder.UseSetting("ReverseProxy:Clusters:gone:Destinations:a:Address", "http://127.0.0.1:1");
    }
}
