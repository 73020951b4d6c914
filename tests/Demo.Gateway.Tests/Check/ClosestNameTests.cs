using Demo.Gateway.Check;
using Xunit;

namespace Demo.Gateway.Tests.Check;

public sealed class ClosestNameTests
{
    private static readonly string[] s_known = ["Backlog", "IdleTimeout", "ConnectTimeout", "Listen"];

    [Theory]
    [InlineData("Baklog", "Backlog")]
    [InlineData("idletimout", "IdleTimeout")]
    [InlineData("Lisetn", "Listen")]
    [InlineData("Colour", null)]
    public void Find_ASlipOfThePen_IsFoundAndNothingElse(string name, string? expected) => Assert.Equal(expected, ClosestName.Find(name, s_known));

    [Theory]
    [InlineData("Route 'a': Splice:Lisen is not a known key; accepted are Listen, Alpn.", " Did you mean Listen?")]
    [InlineData("Admin:Ulr: unknown key; accepted are Url, Token.", " Did you mean Url?")]
    [InlineData("LinuxTransport: unknown key 'Baklog'; accepted are Backlog, NoDelay.", " Did you mean Backlog?")]
    [InlineData("Route 'a': Mode is 'Spice'; accepted are Copy, Splice.", "")]
    public void SuggestIn_AMessageAboutAnUnknownKey_AddsTheClosest(string message, string expected) => Assert.Equal(expected, ClosestName.SuggestIn(message));
}
