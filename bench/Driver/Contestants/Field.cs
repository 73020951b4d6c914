using Bench.Driver.Measuring;
using Bench.Driver.Processes;
using Bench.Driver.Reporting;
using Bench.Driver.Results;

namespace Bench.Driver.Contestants;

/// <summary>The contestants of a row: those that could be started, and why the others could not.</summary>
internal sealed class Field : IAsyncDisposable
{
    private readonly List<Entrant> _entrants = [];
    private readonly List<EntrantResult> _absent = [];

    private Field()
    {
    }

    public IReadOnlyList<Entrant> Entrants => _entrants;

    /// <summary>Starts contestants.</summary>
    /// <param name="bench">The run.</param>
    /// <param name="contestants">Who takes part.</param>
    /// <param name="upstream">The server that relays lead to, or <see langword="null"/> if the contestants answer themselves.</param>
    /// <param name="check">One request, to see that a contestant really serves.</param>
    /// <param name="withDirect">Whether the upstream itself takes part, without a relay.</param>
    public static async Task<Field> StartAsync(
        Bench bench, IEnumerable<Contestant> contestants, int upstream, Func<int, Task> check, bool withDirect = false)
    {
        var field = new Field();
        try
        {
            if (withDirect)
            {
                await check(upstream);
                field._entrants.Add(new Entrant("direct", upstream, null));
            }

            foreach (var contestant in contestants)
            {
                await field.AddAsync(bench, contestant, upstream, check);
            }

            return field;
        }
        catch
        {
            await field.DisposeAsync();
            throw;
        }
    }

    /// <summary>The result with those who could not take part, for the tables to say so.</summary>
    public CaseResult WithAbsent(CaseResult result) => result with { Entrants = [.. result.Entrants, .. _absent] };

    public async ValueTask DisposeAsync()
    {
        foreach (var entrant in _entrants)
        {
            await entrant.DisposeAsync();
        }
    }

    private async Task AddAsync(Bench bench, Contestant contestant, int upstream, Func<int, Task> check)
    {
        RunProgress.Step($"starting {contestant.Name}");
        if (contestant.WhyUnavailable(bench) is { } reason)
        {
            _absent.Add(EntrantResult.Skipped(contestant.Name, reason));
            RunProgress.Note($"skipped: {reason}");
            return;
        }

        ServerProcess? server = null;
        try
        {
            var port = bench.Ports.Take();
            server = await contestant.StartAsync(bench, port, upstream);
            await check(port);
            var warned = new EntrantResult(contestant.Name);
            warned.AddWarnings(server.ReadWarnings());
            if (warned.RanAs is { } replacement)
            {
                // The same path under two names would only make the run longer.
                await server.DisposeAsync();
                warned.AddNotes([$"not measured: it runs as {replacement}"]);
                _absent.Add(warned);
                RunProgress.Note($"skipped: runs as {replacement}");
                return;
            }

            _entrants.Add(new Entrant(contestant.Name, port, server));
        }
        catch (BenchException exception)
        {
            if (server is not null)
            {
                await server.DisposeAsync();
            }

            // Missing from the table would look like not having been asked; so it is listed with the reason.
            _absent.Add(EntrantResult.Skipped(contestant.Name, exception.Message));
            RunProgress.Note($"skipped: {exception.Message}");
        }
    }
}
