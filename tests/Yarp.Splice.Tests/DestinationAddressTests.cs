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

    [Fact]
    public async Task One_lookup_serves_all_who_ask_at_once()
    {
        var address = Parse("db:5432");
        var answer = new TaskCompletionSource<IPAddress[]>();
        var lookups = 0;
        address.Lookup = _ =>
        {
            Interlocked.Increment(ref lookups);
            return answer.Task;
        };
        var asking = Enumerable.Range(0, 20).Select(_ => address.ResolveAsync(CancellationToken.None).AsTask()).ToArray();
        using var impatient = new CancellationTokenSource();
        var leaving = address.ResolveAsync(impatient.Token).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        answer.SetResult([IPAddress.Loopback]);
        Assert.All(await Task.WhenAll(asking), static answers => Assert.Equal("127.0.0.1:5432", Assert.Single(answers).ToString()));
        Assert.Equal(1, lookups);
    }

    [Fact]
    public async Task An_answer_is_asked_for_again_when_it_is_old()
    {
        var address = Parse("db:5432", lifetime: TimeSpan.Zero);
        var answers = new Queue<string>(["10.0.0.1", "10.0.0.2"]);
        address.Lookup = _ => Task.FromResult(new[] { IPAddress.Parse(answers.Dequeue()) });
        Assert.Equal("10.0.0.1:5432", Assert.Single(await address.ResolveAsync(CancellationToken.None)).ToString());
        Assert.Equal("10.0.0.2:5432", Assert.Single(await address.ResolveAsync(CancellationToken.None)).ToString());
    }

    [Theory]
    [InlineData(SocketError.TryAgain, true)]
    [InlineData(SocketError.NoRecovery, true)]
    [InlineData(SocketError.HostNotFound, false)]
    public async Task A_name_server_that_fails_leaves_the_last_answer_in_use_unless_it_knows_better(SocketError error, bool isKept)
    {
        var address = Parse("db:5432", lifetime: TimeSpan.Zero);
        address.Lookup = static _ => Task.FromResult(new[] { IPAddress.Loopback });
        var first = await address.ResolveAsync(CancellationToken.None);
        address.Lookup = _ => throw new SocketException((int)error);
        if (isKept)
        {
            Assert.Same(first, await address.ResolveAsync(CancellationToken.None));
        }
        else
        {
            await Assert.ThrowsAsync<SocketException>(async () => await address.ResolveAsync(CancellationToken.None));
        }
    }

    [Fact]
    public async Task A_name_server_that_falls_silent_leaves_the_last_answer_in_use()
    {
        var address = Parse("db:5432", lifetime: TimeSpan.Zero);
        address.Lookup = static _ => Task.FromResult(new[] { IPAddress.Loopback });
        var first = await address.ResolveAsync(CancellationToken.None);
        address.Lookup = static _ => new TaskCompletionSource<IPAddress[]>().Task;
        Assert.Same(first, await address.ResolveAsync(CancellationToken.None).AsTask().WaitAsync(TestGateway.Patience));

        // Those who come later do not wait for it again.
        var started = Environment.TickCount64;
        for (var i = 0; i < 20; i++)
        {
            Assert.Same(first, await address.ResolveAsync(CancellationToken.None));
        }

        Assert.InRange(Environment.TickCount64 - started, 0, 5000);
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

    private static DestinationAddress Parse(string text, TimeSpan? lifetime = null)
    {
        Assert.True(DestinationAddress.TryParse(text, out var address, out _));
        address.AnswerLifetime = lifetime ?? address.AnswerLifetime;
        return address;
    }
}
