using System.Diagnostics;
using System.Net.Sockets;
using Testing.Faults;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Splice:PauseImmune: mode Auto hands a session to the kernel once it is some seconds old and goes back and forth in small pieces.</summary>
public class PauseImmuneTests
{
    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public async Task InteractiveSession_IsArmedAtItsAgeAndStaysArmed(string form)
    {
        await using var relay = Create(form);
        // Before the session begins, so that it is never older than this.
        var started = Stopwatch.GetTimestamp();
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var exchanges = 0;
            for (; relay.Metrics.Sum("splice.sockmap.sessions", ("splice.sockmap.form", form)) == 0; exchanges++)
            {
                Assert.True(Stopwatch.GetElapsedTime(started) < RelayFixture.Deadline, "never armed");
                await ExchangeAsync(client, server, exchanges);
            }

            // The loop's clock is that of the beginning of its round.
            Assert.True(Stopwatch.GetElapsedTime(started) >= Conversation.AgeNeeded - TimeSpan.FromMilliseconds(50), "armed too young");

            // Bulk does not disarm it, and goes neither back to Copy nor to Splice.
            var bulk = SocketFlow.Payload(8 * 1024 * 1024);
            var received = client.ReceiveExactlyAsync(bulk.Length);
            await server.SendAllAsync(bulk);
            SocketFlow.AssertSame(bulk, await received);
            for (var end = exchanges + 100; exchanges < end; exchanges++)
            {
                await ExchangeAsync(client, server, exchanges);
            }
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(2, relay.Metrics.Sum("splice.path.moves"));
        Assert.Equal(2, relay.ArmedDirections);
        Assert.Equal(0, relay.Metrics.Sum("splice.fallbacks"));
    }

    // A session grows old, or says little, where the machine stands still for a while: then it shows nothing, and there is another one.
    [RequiresBpfFact]
    public Task YoungSession_IsNotArmedHoweverInteractive() =>
        Deadline.UntilAsync(TryTalkWhileYoungAsync, static () => "no session was interactive before it was old");

    [RequiresBpfFact]
    public async Task OldBulkSessions_AreNotArmed()
    {
        await using var relay = Create(nameof(SockmapForm.Exact));
        var pairs = new List<(Socket Client, Socket Server)>();
        for (var i = 0; i < 3; i++)
        {
            pairs.Add(await relay.ConnectPairAsync());
        }

        var started = Stopwatch.GetTimestamp();
        bool IsOld() => Stopwatch.GetElapsedTime(started) > Conversation.AgeNeeded + TimeSpan.FromSeconds(1);
        await Task.WhenAll(
            // A download of one answer after another, one without questions, and one whose receiver acknowledges it.
            RepeatAsync(IsOld, () => AnswerAsync(pairs[0].Client, pairs[0].Server, question: 100, answer: 200_000)),
            RepeatAsync(IsOld, () => AnswerAsync(pairs[1].Client, pairs[1].Server, question: 0, answer: 2000)),
            RepeatAsync(IsOld, () => AnswerAsync(pairs[2].Client, pairs[2].Server, question: 13, answer: 32 * 1024)));
        foreach (var (client, server) in pairs)
        {
            client.Dispose();
            server.Dispose();
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.ArmedDirections);
        Assert.Equal(0, relay.Metrics.Sum("splice.fallbacks"));
    }

    [NotUnderFaults("a read that was cut short keeps a session from being armed")]
    [RequiresBpfFact]
    public async Task SessionsThatAreArmedInTheMiddle_LoseNoByte()
    {
        await using var relay = Create(nameof(SockmapForm.Exact));
        const int Sessions = 30;
        var random = new Random(20261121);
        await Task.WhenAll(Enumerable.Range(0, Sessions).Select(_ => random.Next()).ToArray().Select(seed => Task.Run(async () =>
        {
            using var client = await relay.ConnectAsync();
            using var server = await relay.AcceptAsync();
            // Whichever accepted socket this is: each carries its own stream, which the other end checks.
            var started = Stopwatch.GetTimestamp();
            var talk = new Random(seed);
            await Task.WhenAll(EchoAsync(server), AskAsync());

            async Task AskAsync()
            {
                var isOver = false;
                for (var i = 0; !isOver; i++)
                {
                    isOver = Stopwatch.GetElapsedTime(started) > Conversation.AgeNeeded + TimeSpan.FromSeconds(2);
                    var message = new byte[talk.Next(1, 20_000)];
                    talk.NextBytes(message);
                    var echo = client.ReceiveExactlyAsync(message.Length);
                    await client.SendAllAsync(message, chunk: talk.Next(1000, 20_000));
                    SocketFlow.AssertSame(message, await echo);
                }

                client.Shutdown(SocketShutdown.Send);
                await client.AssertFinAsync();
            }
        })));
        await relay.WaitUntilIdleAsync();
        Assert.Equal(2 * Sessions, relay.ArmedDirections);
    }

    [Fact]
    public async Task Unavailable_TheSessionGoesOnAsAutoAndTheLogSaysWhyOnce()
    {
        await using var relay = RelayFixture.CreatePauseImmune(static _ => new SockmapSupport(null, "the process lacks CAP_BPF"));
        var pairs = new List<(Socket Client, Socket Server)> { await relay.ConnectPairAsync(), await relay.ConnectPairAsync() };
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; relay.Metrics.Sum("splice.fallbacks") < 2; i++)
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < RelayFixture.Deadline, "no fallback");
            foreach (var (client, server) in pairs)
            {
                await ExchangeAsync(client, server, i);
            }
        }

        foreach (var (client, server) in pairs)
        {
            // As Auto: bulk goes on to Splice.
            var bulk = SocketFlow.Payload(4 * 1024 * 1024);
            var received = client.ReceiveToEndAsync();
            await server.SendAllAsync(bulk, chunk: 1024 * 1024);
            server.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(bulk, await received);
            client.Dispose();
            server.Dispose();
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(2, relay.Metrics.Sum(
            "splice.fallbacks", ("splice.requested", "Sockmap"), ("splice.effective", "Auto"), ("splice.reason", "the process lacks CAP_BPF")));
        Assert.NotEqual(0, relay.Metrics.Sum("splice.path.moves", ("splice.to", "Splice")));
        var said = Assert.Single(relay.Log.Entries, static entry => entry.Id is 104 or 120);
        Assert.Equal(120, said.Id);
        Assert.Contains("the process lacks CAP_BPF", said.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SpliceMode.Auto, true, 1)]
    [InlineData(SpliceMode.Auto, false, 0)]
    [InlineData(SpliceMode.Sockmap, false, 1)]
    public async Task Prepare_LoadsTheProgramForRoutesThatNeedIt(SpliceMode mode, bool isImmune, int loads)
    {
        var loaded = 0;
        await using var relay = RelayFixture.CreatePauseImmune(_ =>
        {
            loaded++;
            return new SockmapSupport(null, "for the test");
        });
        relay.Engine.Prepare([relay.Route with { Mode = mode, PauseImmune = isImmune }]);
        Assert.Equal(loads, loaded);
    }

    /// <summary>Whether the session was interactive and over before it was old; if so, it must not have been armed.</summary>
    private static async Task<bool> TryTalkWhileYoungAsync()
    {
        await using var relay = Create(nameof(SockmapForm.Exact));
        // Before the session begins, so that it is never older than this.
        var started = Stopwatch.GetTimestamp();
        var (client, server) = await relay.ConnectPairAsync();
        var exchanges = 0;
        using (client)
        using (server)
        {
            for (; Stopwatch.GetElapsedTime(started) < Conversation.AgeNeeded / 2; exchanges++)
            {
                await ExchangeAsync(client, server, exchanges);
            }
        }

        await relay.WaitUntilIdleAsync();
        if (Stopwatch.GetElapsedTime(started) >= Conversation.AgeNeeded || exchanges <= Conversation.SmallTurnsNeeded)
        {
            return false;
        }

        Assert.Equal(0, relay.ArmedDirections);
        return true;
    }

    private static RelayFixture Create(string form) =>
        RelayFixture.CreatePauseImmune(loops => SockmapSupport.Load(Enum.Parse<SockmapForm>(form), loops, null));

    private static async Task ExchangeAsync(Socket client, Socket server, int number)
    {
        var message = BitConverter.GetBytes(number);
        await client.SendAllAsync(message);
        Assert.Equal(message, await server.ReceiveExactlyAsync(message.Length));
        await server.SendAllAsync(message);
        Assert.Equal(message, await client.ReceiveExactlyAsync(message.Length));
    }

    private static async Task RepeatAsync(Func<bool> isOver, Func<Task> action)
    {
        while (!isOver())
        {
            await action();
        }
    }

    private static async Task AnswerAsync(Socket client, Socket server, int question, int answer)
    {
        await client.SendAllAsync(new byte[question]);
        _ = await server.ReceiveExactlyAsync(question);
        var received = client.ReceiveExactlyAsync(answer);
        await server.SendAllAsync(new byte[answer], chunk: 2000);
        _ = await received;
    }

    private static async Task EchoAsync(Socket socket)
    {
        var buffer = new byte[20_000];
        int received;
        while ((received = await socket.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(RelayFixture.Deadline)) > 0)
        {
            await socket.SendAllAsync(buffer.AsMemory(0, received));
        }

        socket.Shutdown(SocketShutdown.Send);
    }
}
