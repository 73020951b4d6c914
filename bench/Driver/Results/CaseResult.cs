namespace Bench.Driver.Results;

/// <summary>One table: contestants under the same load.</summary>
internal sealed record CaseResult(string Title, List<EntrantResult> Entrants)
{
    public EntrantResult? Find(string name) => Entrants.Find(entrant => entrant.Name == name);
}
