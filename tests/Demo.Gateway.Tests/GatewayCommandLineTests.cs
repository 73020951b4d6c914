using Demo.Gateway.CommandLine;
using Demo.Gateway.Errors;
using Xunit;

namespace Demo.Gateway.Tests;

public sealed class GatewayCommandLineTests
{
    [Theory]
    [InlineData("--config", "a.json")]
    [InlineData("--config=a.json", null)]
    public void Parse_Config_KeepsTheFile(string first, string? second)
    {
        var options = GatewayCommandLine.Parse(second is null ? [first] : [first, second]);

        Assert.Equal("a.json", options.ConfigFile);
        Assert.Empty(options.Settings);
    }

    [Fact]
    public void Parse_Settings_GoOnToTheConfigurationAsPairs()
    {
        var options = GatewayCommandLine.Parse(["--urls", "http://127.0.0.1:1", "--linuxtransport:backlog=5", "--ReverseProxy:Routes:a:Mode=Copy"]);

        Assert.Equal(["--urls=http://127.0.0.1:1", "--linuxtransport:backlog=5", "--ReverseProxy:Routes:a:Mode=Copy"], options.Settings);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public void Parse_Help_IsSeen(string argument) => Assert.True(GatewayCommandLine.Parse([argument]).ShowHelp);

    [Fact]
    public void Parse_Version_IsSeen() => Assert.True(GatewayCommandLine.Parse(["--version"]).ShowVersion);

    [Theory]
    [InlineData("--colour")]
    [InlineData("-x")]
    [InlineData("gateway.json")]
    [InlineData("--Kestrle:Endpoints:Http:Url=http://127.0.0.1:1")]
    public void Parse_UnknownOption_IsNamed(string argument)
    {
        var exception = Assert.Throws<ConfigurationMistakeException>(() => GatewayCommandLine.Parse([argument]));

        Assert.StartsWith(argument.Split('=')[0] + ": unknown option; accepted are", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--config")]
    [InlineData("--config=")]
    [InlineData("--urls")]
    public void Parse_MissingValue_IsNamed(string argument)
    {
        var exception = Assert.Throws<ConfigurationMistakeException>(() => GatewayCommandLine.Parse([argument]));

        Assert.Contains("the value is missing", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_SecondConfig_IsRefused() =>
        Assert.Throws<ConfigurationMistakeException>(() => GatewayCommandLine.Parse(["--config", "a.json", "--config", "b.json"]));
}
