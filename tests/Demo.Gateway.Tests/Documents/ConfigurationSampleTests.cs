using System.Text;
using System.Text.Json.Nodes;
using Demo.Gateway.AccessLog;
using Demo.Gateway.Admin;
using Demo.Gateway.CommandLine;
using Demo.Gateway.Errors;
using Demo.Gateway.Lifecycle;
using Demo.Gateway.Metrics;
using Demo.Gateway.StaticFiles;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Xunit;

namespace Demo.Gateway.Tests.Documents;

/// <summary>Every configuration on a page is one that the gateway takes. JSON that a program prints stands in a block "json output".</summary>
public sealed class ConfigurationSampleTests
{
    /// <summary>Policies that samples name and that an application of its own would have.</summary>
    private static readonly string[] s_applicationPolicies = ["members", "operators"];

    public static TheoryData<string, int> Samples
    {
        get
        {
            var samples = new TheoryData<string, int>();
            foreach (var (path, page) in Repository.Pages)
            {
                foreach (var block in page.Blocks.Where(static block => block.Language == "json"))
                {
                    samples.Add(path, block.Line);
                }
            }

            return samples;
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task A_configuration_on_a_page_is_accepted(string page, int line)
    {
        var block = Repository.Page(page).Blocks.Single(block => block.Line == line);

        await LoadAsync(ConfigurationSample.Complete(block.Text));
    }

    /// <summary>The check above is worth something only if it finds what is wrong.</summary>
    [Theory]
    [InlineData(""" "r": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:1" ] }, "Splice": { "IdleTimout": "01:00:00" } } """)]
    [InlineData(""" "c": { "Destinations": { "a": { "Address": "tcp://127.0.0.1:1" } }, "Metadata": { "Splice.OnUnhealthy": "Perhaps" } } """)]
    [InlineData(""" "LinuxTransport": { "Backlog": 0 } """)]
    [InlineData(""" "Admin": { "Token": "short" } """)]
    [InlineData("""{ "ReverseProxi": {} }""")]
    public async Task A_mistake_is_found(string block)
    {
        await Assert.ThrowsAnyAsync<Exception>(() => LoadAsync(ConfigurationSample.Complete(block)));
    }

    /// <summary>Does what the gateway does with its file, up to the point where it would open ports.</summary>
    private static async Task LoadAsync(JsonObject sample)
    {
        foreach (var (key, value) in sample)
        {
            GatewayCommandLine.Parse([value is JsonObject ? $"--{key}:Key=1" : $"--{key}=1"]);
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        using var json = new MemoryStream(Encoding.UTF8.GetBytes(sample.ToJsonString()));
        builder.Configuration.AddJsonStream(json);
        if (sample.ContainsKey(StaticFileSettings.SectionName))
        {
            // The folder of the page is not on this machine.
            builder.Configuration[$"{StaticFileSettings.SectionName}:{nameof(StaticFileSettings.Root)}"] = Path.GetTempPath();
        }

        var mistakes = new List<string>();
        _ = AdminOptions.Read(builder.Configuration, mistakes);
        _ = AccessLogOptions.Read(builder.Configuration, mistakes);
        _ = OtlpOptions.Read(builder.Configuration, mistakes);
        _ = ShutdownTimes.Read(builder.Configuration, mistakes);
        _ = StaticFileSettings.Read(builder.Configuration, mistakes);
        ConfigurationMistakeException.ThrowIfAny(mistakes);
        builder.Services.AddRouting();
        builder.Services.AddAuthorization(static options =>
        {
            foreach (var policy in s_applicationPolicies)
            {
                options.AddPolicy(policy, static requirements => requirements.RequireAuthenticatedUser());
            }
        });
        builder.WebHost.UseKestrelCore().UseLinuxZeroCopyTransport();
        var proxy = builder.Configuration.GetSection("ReverseProxy");
        builder.Services.AddReverseProxy().LoadFromConfig(proxy).AddSplice(proxy);
        await using var application = builder.Build();
        _ = application.Services.GetRequiredService<IOptions<LinuxTransportOptions>>().Value;
        application.MapReverseProxy();
    }
}
