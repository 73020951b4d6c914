using System.Net;
using System.Net.Sockets;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests;

public class DestinationAddressTests
{
    [Theory]
    [InlineData("tcp://10.0.0.1:5432", "10.0.0.1:5432")]
    [InlineData("TCP://10.0.0.1:5432/", "10.0.0.1:5432")]
    [InlineData("10.0.0.1:5432", "10.0.0.1:5432")]
    [InlineData("[::1]:5432", "[::1]:5432")]
    [InlineData("tcp://[::1]:5432", "[::1]:5432")]
    [InlineData("unix:/run/db.sock", "/run/db.sock")]
    [InlineData("unix:@db", "@db")]
    [InlineData("http://10.0.0.1", "10.0.0.1:80")]
    [InlineData("https://10.0.0.1/", "10.0.0.1:443")]
    [InlineData("https://[::1]", "[::1]:443")]
    [InlineData("HTTP://[::1]:8080/", "[::1]:8080")]
    public async Task Addresses_without_a_name_have_an_endpoint(string text, string endPoint)
    {
        Assert.True(DestinationAddress.TryParse(text, out var address, out _));
        Assert.Equal(endPoint, address.EndPoint!.ToString());
        Assert.Equal([address.EndPoint], await address.ResolveAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Names_are_resolved_and_the_answer_is_kept()
    {
        Assert.True(DestinationAddress.TryParse("localhost:5432", out var address, out _));
        Assert.Null(address.EndPoint);
        var answer = await address.ResolveAsync(CancellationToken.None);
        Assert.Contains(answer, static endPoint => endPoint is IPEndPoint { Port: 5432 } ip && IPAddress.IsLoopback(ip.Address));
        Assert.Same(answer, await address.ResolveAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_name_that_does_not_exist_throws()
    {
        Assert.True(DestinationAddress.TryParse("no-such-host.invalid:1", out var address, out _));
        await Assert.ThrowsAnyAsync<SocketException>(async () => await address.ResolveAsync(CancellationToken.None));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("ftp://10.0.0.1:21")]
    [InlineData("http://10.0.0.1:80/path")]
    [InlineData("http://")]
    [InlineData("http://10.0.0.1:0")]
    [InlineData("10.0.0.1")]
    [InlineData("10.0.0.1:0")]
    [InlineData("10.0.0.1:65536")]
    [InlineData("10.0.0.1:http")]
    [InlineData(":5432")]
    [InlineData("::1:5432")]
    [InlineData("[10.0.0.1]:5432")]
    [InlineData("tcp://10.0.0.1:5432/path")]
    [InlineData("a b:5432")]
    [InlineData("unix:relative.sock")]
    [InlineData("unix:/")]
    [InlineData("unix:@")]
    public void Anything_else_is_refused_with_what_is_accepted(string? text)
    {
        Assert.False(DestinationAddress.TryParse(text, out _, out var error));
        Assert.Equal($"is '{text}'; accepted are {DestinationAddress.AcceptedForms}.", error);
    }

    [Fact]
    public void A_unix_path_that_is_too_long_is_refused() =>
        Assert.False(DestinationAddress.TryParse("unix:/" + new string('x', 200), out _, out _));
}
