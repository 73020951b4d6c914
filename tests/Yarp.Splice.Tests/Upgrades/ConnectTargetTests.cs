using System.Net;
using Yarp.Splice.Upgrades;

namespace Yarp.Splice.Tests.Upgrades;

public class ConnectTargetTests
{
    [Theory]
    [InlineData("example.com:443", "example.com", 443)]
    [InlineData("example.com.:1", "example.com", 1)]
    [InlineData("192.0.2.1:65535", "192.0.2.1", 65535)]
    [InlineData("[2001:db8::1]:80", "2001:db8::1", 80)]
    public void TryReadRequest_HostAndPort_AreRead(string target, string host, int port)
    {
        Assert.True(ConnectTarget.TryReadRequest(target, out var endPoint));
        Assert.Equal(new DnsEndPoint(host, port), endPoint);
    }

    [Theory]
    [InlineData("[2001:db8::/32]:80")]
    [InlineData("[fe80::1%eth0]:80")]
    [InlineData("[[::1]]:80")]
    [InlineData("2001:db8::1:80")]
    [InlineData("example.com")]
    [InlineData("example.com:0")]
    [InlineData("example.com:+80")]
    [InlineData("user@example.com:80")]
    [InlineData(":80")]
    public void TryReadRequest_AnythingElse_IsRefused(string target) => Assert.False(ConnectTarget.TryReadRequest(target, out _));
}
