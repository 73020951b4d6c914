using System.Net.Sockets;
using Demo.Gateway.Errors;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Xunit;

namespace Demo.Gateway.Tests;

public sealed class StartupFailureTests
{
    [Fact]
    public void From_AddressInUse_NamesTheUrlWithExitCode1()
    {
        var failure = StartupFailure.From(new IOException("Failed to bind to address http://127.0.0.1:8080: address already in use.",
            new AddressInUseException("bind failed for 127.0.0.1:8080: Address already in use (errno 98).")));

        Assert.Equal(1, failure.ExitCode);
        Assert.StartsWith("http://127.0.0.1:8080: the address is in use by another program", Assert.Single(failure.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void From_AccessDenied_SaysWhatIsAcceptedWithExitCode1()
    {
        var failure = StartupFailure.From(new SocketException((int)SocketError.AccessDenied, "bind failed for [::1]:80: Permission denied."));

        Assert.Equal(1, failure.ExitCode);
        Assert.StartsWith("[::1]:80: no permission", Assert.Single(failure.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void From_OptionsValidation_HasOneLineForEachFailureWithExitCode2()
    {
        var failure = StartupFailure.From(new OptionsValidationException("name", typeof(object), ["first", "second"]));

        Assert.Equal(2, failure.ExitCode);
        Assert.Equal(["first", "second"], failure.Lines);
    }

    [Fact]
    public void From_WrappedAggregate_HasOneLineForEachInnermostMessage()
    {
        var failure = StartupFailure.From(new InvalidOperationException("Unable to load.",
            new AggregateException(new ArgumentException("route a"), new ArgumentException("route\nb"))));

        Assert.Equal(2, failure.ExitCode);
        Assert.Equal(["route a", "route b"], failure.Lines);
    }

    [Fact]
    public void From_AnythingElse_IsOneLineWithExitCode1()
    {
        var failure = StartupFailure.From(new NotImplementedException("one\r\ntwo"));

        Assert.Equal(1, failure.ExitCode);
        Assert.Equal("unexpected NotImplementedException: one two", Assert.Single(failure.Lines));
    }
}
