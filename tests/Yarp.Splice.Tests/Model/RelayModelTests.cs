using System.Globalization;
using Xunit.Abstractions;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Tests.Verdict;

namespace Yarp.Splice.Tests.Model;

/// <summary>
/// Explores all interleavings of a relayed session (docs/model.md): every byte exactly once and in order, FIN and RST behind the bytes, no
/// deadlock, bounded queues; and that each of these is found broken where it is.
/// </summary>
public class RelayModelTests(ITestOutputHelper output)
{
    private const int MostStates = 3_000_000;

    private static readonly Dictionary<string, ModelBounds> s_worlds = new()
    {
        ["Copy"] = new() { FromClient = 4, FromUpstream = 1, Prefix = 1 },
        ["Copy, resets"] = new() { FromClient = 3, FromUpstream = 1, Prefix = 1, MayReset = true },
        ["Copy and Splice"] = new() { FromClient = 3, FromUpstream = 1, Prefix = 1, MaySplice = true },
        ["Copy and Splice, resets"] = new() { FromClient = 2, FromUpstream = 1, MaySplice = true, MayReset = true },
        ["Sockmap, one direction"] = new() { FromClient = 4, FromUpstream = 0, MayArm = true },
        ["Sockmap, prefix"] = new() { FromClient = 3, FromUpstream = 0, Prefix = 1, MayArm = true },
        ["Sockmap, small reads"] = new() { FromClient = 3, FromUpstream = 0, Transfer = 1, MayArm = true },
        ["Sockmap, window as large as the send queue"] = new() { FromClient = 3, FromUpstream = 0, Window = 2, MayArm = true },
        ["Sockmap, brake"] = new() { FromClient = 4, FromUpstream = 0, MostHeld = 1, MayArm = true },
        ["Sockmap, both directions"] = new() { FromClient = 2, FromUpstream = 1, MayArm = true },
        ["Sockmap, resets"] = new() { FromClient = 2, FromUpstream = 0, MayArm = true, MayReset = true },
        ["Sockmap or Splice"] = new() { FromClient = 2, FromUpstream = 0, MayArm = true, MaySplice = true },
        ["Sockmap by credit, one direction"] = new() { FromClient = 3, FromUpstream = 0, MayArm = true, Form = SockmapForm.Credit },
        ["Sockmap by credit, both directions"] = new() { FromClient = 2, FromUpstream = 1, MayArm = true, Form = SockmapForm.Credit },
        ["Sockmap by credit, resets"] = new() { FromClient = 2, FromUpstream = 0, MayArm = true, MayReset = true, Form = SockmapForm.Credit },
    };

    private static readonly Dictionary<Mutant, (ModelBounds World, string Finding)> s_mutants = new()
    {
        [Mutant.FinBeforeTheLastRead] = (new() { FromClient = 1, FromUpstream = 0 }, "FIN arrives after byte 0 of 1"),
        [Mutant.ShortReadForgetsTheEnd] = (new() { FromClient = 2, FromUpstream = 0 }, "FIN is never passed on"),
        [Mutant.LeavesFullPipe] = (new() { FromClient = 2, FromUpstream = 0, MaySplice = true }, "never arrives"),
        [Mutant.ReadsWhileHolding] = (new() { FromClient = 4, FromUpstream = 0, SendBuffer = 1 }, "more than one transfer"),
        [Mutant.ResetBeforeDelivered] = (new() { FromClient = 1, FromUpstream = 0, MayReset = true }, "came before RST, never arrives"),
        [Mutant.HangUpTakenForFailure] = (new() { FromClient = 1, FromUpstream = 1, MayReset = true }, "came before RST, never arrives"),
        [Mutant.SecondFailureIgnored] = (new() { FromClient = 1, FromUpstream = 0, MayArm = true, MayReset = true }, "never comes to rest"),
        [Mutant.PrefixForgotten] = (new() { FromClient = 1, FromUpstream = 0, Prefix = 1 }, "byte 1 of 1 never arrives"),
        [Mutant.ArmedWhileHolding] = (new() { FromClient = 2, FromUpstream = 0, Prefix = 1, MayArm = true }, "byte 2 arrives where byte 1 is due"),
        [Mutant.ArmedOverHalfReadSegment] = (new() { FromClient = 2, FromUpstream = 0, Transfer = 1, MayArm = true }, "byte 1 arrives where byte 2 is due"),
        [Mutant.NotKicked] = (new() { FromClient = 1, FromUpstream = 0, MayArm = true }, "byte 1 of 1 never arrives"),
        [Mutant.LiveEntryDeleted] = (new() { FromClient = 1, FromUpstream = 0, MayArm = true }, "never arrives"),
        [Mutant.PassedOvertakesRedirected] = (new() { FromClient = 2, FromUpstream = 0, MayArm = true }, "byte 2 arrives where byte 1 is due"),
        [Mutant.QueueFoundEmptyOnceAndForAll] = (new() { FromClient = 3, FromUpstream = 0, MayArm = true }, "byte 3 arrives where byte 2 is due"),
        [Mutant.ReceivesWhileRedirecting] = (new() { FromClient = 2, FromUpstream = 0, MayArm = true }, "byte 2 arrives where byte 1 is due"),
        [Mutant.ConsumedBeforeSent] = (new() { FromClient = 4, FromUpstream = 0, Window = 2, MayArm = true }, "is due"),
        [Mutant.FinBeforeQueueEmpty] = (new() { FromClient = 1, FromUpstream = 0, MayArm = true }, "FIN arrives after byte 0 of 1"),
        [Mutant.EndTakenAtItsWord] = (new() { FromClient = 2, FromUpstream = 1, MayArm = true }, "FIN arrives after byte"),
        [Mutant.PassedTakenForReadable] = (new() { FromClient = 2, FromUpstream = 0, MayArm = true }, "arrives"),
        [Mutant.OverlapRelayedTwice] = (new() { FromClient = 2, FromUpstream = 0, MayArm = true }, "byte 1 arrives where byte 2 is due"),
        [Mutant.NoWindow] = (new() { FromClient = 3, FromUpstream = 0, MayArm = true }, "more is on its way to a socket than its send queue takes"),
    };

    public static TheoryData<string> Worlds => [.. s_worlds.Keys];

    /// <summary>Where segments meet different states; what they meet in the other worlds is among these.</summary>
    public static TheoryData<string> ArmedWorlds =>
        ["Sockmap, one direction", "Sockmap, small reads", "Sockmap, window as large as the send queue", "Sockmap by credit, one direction"];

    public static TheoryData<string> Mutants => [.. Enum.GetNames<Mutant>().Where(static name => name != nameof(Mutant.None))];

    [Theory]
    [MemberData(nameof(Worlds))]
    public void All_interleavings_deliver_every_byte_once_and_come_to_the_right_end(string world)
    {
        var explorer = new Explorer<RelayState>(new RelayModel(s_worlds[world]), MostStates);
        var trace = explorer.Run();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{world}: {explorer.States:N0} states, {explorer.Transitions:N0} transitions"));
        Assert.True(trace is null, $"{world}:\n{trace}");
    }

    [Theory]
    [MemberData(nameof(ArmedWorlds))]
    public void The_embedded_program_judges_every_segment_as_the_model_does(string world)
    {
        var model = new ModelWithProgram(s_worlds[world]);
        var trace = new Explorer<RelayState>(model, MostStates).Run();
        output.WriteLine($"{world}: {model.Compared} segments and states");
        Assert.True(trace is null, $"{world}:\n{trace}");
    }

    [Theory]
    [InlineData(nameof(Mutant.OverlapRelayedTwice))]
    [InlineData(nameof(Mutant.NoWindow))]
    public void A_model_whose_verdict_differs_from_the_embedded_program_is_found(string name)
    {
        var mutant = Enum.Parse<Mutant>(name);
        var trace = new Explorer<RelayState>(new ModelWithProgram(s_mutants[mutant].World with { Mutant = mutant }), MostStates).Run();
        Assert.NotNull(trace);
        Assert.Contains("the program differs from the model", trace.Fault, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_mistake_is_found(string mutant)
    {
        var (world, finding) = s_mutants[Enum.Parse<Mutant>(mutant)];
        Assert.Null(new Explorer<RelayState>(new RelayModel(world), MostStates).Run());
        var explorer = new Explorer<RelayState>(new RelayModel(world with { Mutant = Enum.Parse<Mutant>(mutant) }), MostStates);
        var trace = explorer.Run();
        output.WriteLine($"{mutant}, after {explorer.States} states:\n{trace}");
        Assert.NotNull(trace);
        Assert.Contains(finding, trace.Fault, StringComparison.Ordinal);
    }
}
