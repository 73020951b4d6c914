namespace Faults.Tests;

/// <summary>All kinds of faults, until it is disposed.</summary>
internal sealed class InjectedFaults : IDisposable
{
    private readonly ulong _seed;

    public InjectedFaults(ulong seed)
    {
        _seed = seed;
        FaultInjection.Start(seed, FaultKinds.Passing | FaultKinds.Shortage | FaultKinds.Fatal);
    }

    /// <summary>Ends them, and makes sure that there were some of these.</summary>
    /// <param name="faults">The first words of lines of <see cref="FaultInjection.Describe"/>.</param>
    public void EndAndAssertSome(params string[] faults)
    {
        FaultInjection.Stop();
        var lines = FaultInjection.Describe().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var fault in faults)
        {
            Assert.True(
                lines.Any(line => line.StartsWith(fault, StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal)),
                $"seed {_seed} made no {fault} fail");
        }
    }

    /// <summary>Makes sure that what must not be was not, all the time until <see cref="EndAndAssertSome"/>.</summary>
    /// <param name="word">The first words of its line.</param>
    public void AssertNone(string word)
    {
        var line = Assert.Single(FaultInjection.Describe().Split('\n'), line => line.StartsWith(word, StringComparison.Ordinal));
        Assert.True(line.EndsWith(" 0", StringComparison.Ordinal), $"seed {_seed}: {line}");
    }

    public void Dispose() => FaultInjection.Stop();
}
