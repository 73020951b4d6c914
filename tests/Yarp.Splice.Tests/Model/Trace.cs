namespace Yarp.Splice.Tests.Model;

/// <summary>The way from the start to a fault.</summary>
internal sealed class Trace(string fault, IEnumerable<string> steps)
{
    private readonly List<string> _steps = [.. steps];

    public string Fault => fault;

    public int Length => _steps.Count;

    public void Add(string step) => _steps.Add(step);

    public override string ToString() =>
        string.Join('\n', _steps.Select(static (step, index) => $"{index + 1,3}. {step}").Append($"  => {fault}"));
}
