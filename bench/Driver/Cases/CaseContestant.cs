using Bench.Driver.Contestants;
using Bench.Driver.Processes;
using RelayCases;

namespace Bench.Driver.Cases;

/// <summary>A relay that plays the black-box cases: configured for all of their routes at once.</summary>
internal abstract class CaseContestant(string name) : Contestant(name)
{
    /// <summary>The routes of the run that is about to start.</summary>
    public RelayTopology? Topology { get; set; }

    /// <summary>Why it cannot play a case, in the words of its documentation; <see langword="null"/> if it can.</summary>
    public virtual string? WhyNot(RelayCase relayCase) => null;

    /// <summary>A name for the route that every configuration language takes.</summary>
    protected static string IdOf(RelayRoute route) => route.Settings.Name.Replace('-', '_') + (route.Prereads ? "_preread" : "");

    protected static string Seconds(TimeSpan time) => $"{Math.Min(time.TotalSeconds, 3600):0}s";
}
