using System.Net.Http;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.Splice.Health;

namespace Yarp.Splice.Tests;

/// <summary>Whose connections YARP's own HTTP clients use.</summary>
public class HttpDestinationTests
{
    [Fact]
    public void AddSplice_ByDefault_ConnectsOnTheEventLoops() => Assert.Contains("EventLoopConnector", ConnectorOf(static _ => { }));

    [Fact]
    public void AddSplice_SwitchedOff_LeavesTheHandlersOwnSockets() =>
        Assert.Null(ConnectorOf(static proxy => proxy.Services.Configure<SpliceOptions>(static options => options.HttpDestinationsOnEventLoops = false)));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AddSplice_ApplicationConfiguresClients_LeavesItToThat(bool isBefore)
    {
        var builder = WebApplication.CreateSlimBuilder();
        var proxy = builder.Services.AddReverseProxy();
        if (isBefore)
        {
            proxy.ConfigureHttpClient(Configure);
        }

        proxy.AddSplice(static _ => { });
        if (!isBefore)
        {
            proxy.ConfigureHttpClient(Configure);
        }

        Assert.Contains(nameof(HttpDestinationTests), ConnectorOf(builder));

        static void Configure(ForwarderHttpClientContext context, SocketsHttpHandler handler) =>
            handler.ConnectCallback = static (_, _) => throw new NotSupportedException();
    }

    private static string? ConnectorOf(Action<IReverseProxyBuilder> configure)
    {
        var builder = WebApplication.CreateSlimBuilder();
        configure(builder.Services.AddReverseProxy().AddSplice(static _ => { }));
        return ConnectorOf(builder);
    }

    /// <summary>Who declares the callback that opens the connections of a client, or nobody.</summary>
    private static string? ConnectorOf(WebApplicationBuilder builder)
    {
        using var application = builder.Build();
        var factory = application.Services.GetRequiredService<IForwarderHttpClientFactory>();
        using var client = factory.CreateClient(new ForwarderHttpClientContext { NewConfig = HttpClientConfig.Empty });
        object? handler = typeof(HttpMessageInvoker).GetField("_handler", BindingFlags.Instance | BindingFlags.NonPublic)!
            .GetValue((client as ProbingClient)?.Inner ?? client);
        while (handler is DelegatingHandler outer)
        {
            handler = outer.InnerHandler;
        }

        return Assert.IsType<SocketsHttpHandler>(handler).ConnectCallback?.Method.DeclaringType?.FullName;
    }
}
