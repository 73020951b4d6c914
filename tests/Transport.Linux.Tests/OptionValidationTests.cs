using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Transport.Linux.Tests;

/// <summary>What the configuration section refuses, at start.</summary>
public class OptionValidationTests
{
    [Theory]
    [InlineData("ThreadCount", "0", "LinuxTransport:ThreadCount is 0; accepted is a number from 1 to 1024")]
    [InlineData("Backlog", "-5", "LinuxTransport:Backlog is -5; accepted is a number of connections from 1 on")]
    [InlineData("MaxReadBufferSize", "-1", "LinuxTransport:MaxReadBufferSize is -1; accepted is a number of bytes")]
    [InlineData("MaxWriteBufferSize", "-1", "LinuxTransport:MaxWriteBufferSize is -1; accepted is a number of bytes")]
    [InlineData("KeepAliveTime", "00:00:00", "LinuxTransport:KeepAliveTime is 00:00:00; accepted is a time from 00:00:01 to 09:06:07")]
    [InlineData("KeepAliveInterval", "10:00:00", "LinuxTransport:KeepAliveInterval is 10:00:00; accepted is a time from 00:00:01 to 09:06:07")]
    [InlineData("KeepAliveInterval", "00:00:10", "LinuxTransport:KeepAliveInterval is 00:00:10; accepted is a time only together with KeepAliveTime")]
    [InlineData("KeepAliveCount", "128", "LinuxTransport:KeepAliveCount is 128; accepted is a number of probes from 1 to 127")]
    [InlineData("KeepAliveCount", "3", "LinuxTransport:KeepAliveCount is 3; accepted is a number only together with KeepAliveTime")]
    [InlineData("UserTimeout", "25.00:00:00", "LinuxTransport:UserTimeout is 25.00:00:00; accepted is a time from")]
    [InlineData("DeferAccept", "01:00:01", "LinuxTransport:DeferAccept is 01:00:01; accepted is a time from 00:00:01 to 01:00:00")]
    [InlineData("FastOpen", "0", "LinuxTransport:FastOpen is 0; accepted is a number of connections from 1 on")]
    [InlineData("BusyPoll", "00:00:02", "LinuxTransport:BusyPoll is 00:00:02; accepted is a time from 00:00:00.000001 to 00:00:01")]
    [InlineData("SendBufferSize", "0", "LinuxTransport:SendBufferSize is 0; accepted is a number of bytes from 1 on")]
    [InlineData("ReceiveBufferSize", "-1", "LinuxTransport:ReceiveBufferSize is -1; accepted is a number of bytes from 1 on")]
    [InlineData("NotSentLowWatermark", "0", "LinuxTransport:NotSentLowWatermark is 0; accepted is a number of bytes from 1 on")]
    [InlineData("SendTimeout", "00:00:00.500", "LinuxTransport:SendTimeout is 00:00:00.5000000; accepted is a time from 00:00:01 to 1.00:00:00, or 00:00:00")]
    [InlineData("ZeroCopySendThreshold", "4095", "LinuxTransport:ZeroCopySendThreshold is 4095; accepted is a number of bytes from 4096 to 1073741824")]
    [InlineData("IpTos", "185", "LinuxTransport:IpTos is 185; accepted is a multiple of 4 from 0 to 252")]
    [InlineData("IpTos", "256", "LinuxTransport:IpTos is 256; accepted is a multiple of 4 from 0 to 252")]
    public async Task Start_OptionOutOfRange_FailsNamingOptionValueAndRange(string option, string value, string message)
    {
        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync(option, value));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_UnknownOption_Fails()
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync("ThreadCuont", "2"));
        Assert.Contains("ThreadCuont", exception.Message, StringComparison.Ordinal);
    }

    private static Task StartAsync(string option, string value)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection([new($"{LinuxTransportOptions.SectionName}:{option}", value)]);
        builder.WebHost.UseLinuxZeroCopyTransport().UseUrls("http://127.0.0.1:0");
        return builder.Build().StartAsync();
    }
}
