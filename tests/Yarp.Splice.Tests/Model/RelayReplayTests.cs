using Xunit.Abstractions;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Tests.Relay;

namespace Yarp.Splice.Tests.Model;

/// <summary>
/// The real relay on real sockets does what the model does: two peers do at random what peers can do, and what they have seen in the end is among
/// what the model says they can see.
/// </summary>
public class RelayReplayTests(ITestOutputHelper output)
{
    private const int Seed = 20261121;
    private const int Traces = 100;
    private const int MostSteps = 7;

    private static readonly ModelBounds s_copy = new() { FromClient = 3, FromUpstream = 2, MayReset = true };

    [Fact]
    public Task In_mode_Copy_peers_see_what_the_model_says() => ReplayAsync(s_copy, static () => RelayFixture.Create(SpliceMode.Copy));

    [Fact]
    public Task In_mode_Splice_peers_see_what_the_model_says() =>
        ReplayAsync(s_copy with { MaySplice = true }, static () => RelayFixture.Create(SpliceMode.Splice));

    [Fact]
    public Task When_paths_change_all_the_time_peers_see_what_the_model_says() => ReplayAsync(
        s_copy with { MaySplice = true },
        static () => RelayFixture.Create(static _ => new PathPolicy
        {
            MaySplice = true,
            FullRead = 1,
            FullReadsBeforeSplice = 1,
            MostFullReadsBeforeSplice = 1,
            SmallSplice = int.MaxValue,
            SmallSplicesBeforeCopy = 1,
        }));

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public async Task In_mode_Sockmap_peers_see_what_the_model_says(string name)
    {
        var form = Enum.Parse<SockmapForm>(name);
        var relay = await ReplayAsync(s_copy with { FromClient = 2, FromUpstream = 1, MayArm = true, Form = form }, () => RelayFixture.CreateArmedAtOnce(form));
        Assert.NotEqual(0, relay.ArmedDirections);
    }

    private async Task<RelayFixture> ReplayAsync(ModelBounds bounds, Func<RelayFixture> create)
    {
        var random = new Random(Seed);
        var model = new TraceOutcomes(bounds);
        var known = new Dictionary<string, HashSet<(PeerView Client, PeerView Upstream, bool IsEnded)>>();
        await using var relay = create();
        for (var i = 0; i < Traces; i++)
        {
            var trace = RandomTrace(random, bounds);
            var text = string.Join(", ", trace.Select(static step => $"{(step.At == 0 ? "client" : "upstream")} {step.Kind}"));
            if (!known.TryGetValue(text, out var possible))
            {
                known.Add(text, possible = model.Of(trace));
            }

            var seen = await new Replay(relay, trace, random.Next(), possible).RunAsync();
            Assert.True(possible.Contains(seen), $"trace {i} of seed {Seed}: {text}\nseen {seen}, possible {string.Join(", ", possible)}");
        }

        output.WriteLine($"{known.Count} different traces; {known.Values.Count(static possible => possible.Count > 1)} of them may end in several ways");
        return relay;
    }

    private static List<PeerStep> RandomTrace(Random random, ModelBounds bounds)
    {
        var trace = new List<PeerStep>();
        Span<int> left = [bounds.FromClient, bounds.FromUpstream];
        Span<bool> isOpen = [true, true];
        Span<bool> isReset = [false, false];
        for (var i = random.Next(1, MostSteps + 1); i > 0; i--)
        {
            var at = (byte)random.Next(2);
            var kind = random.Next(6) switch
            {
                0 => StepKind.Reset,
                1 or 2 => StepKind.Finish,
                _ => StepKind.Send,
            };
            // Nobody can send when the other side's reset has come, which the model knows and a trace does not.
            if (isReset[at] || (kind != StepKind.Reset && (!isOpen[at] || isReset[1 - at])) || (kind == StepKind.Send && left[at] == 0))
            {
                continue;
            }

            left[at] -= kind == StepKind.Send ? 1 : 0;
            isOpen[at] &= kind == StepKind.Send;
            isReset[at] |= kind == StepKind.Reset;
            trace.Add(new PeerStep(kind, at));
        }

        return trace;
    }
}
