using System.Collections.Concurrent;

namespace Soak;

/// <summary>What was done and what failed, by many at once.</summary>
internal sealed class Tally
{
    private readonly ConcurrentDictionary<string, (long Exchanges, long Bytes)> _done = new();
    private readonly ConcurrentDictionary<string, long> _expected = new();
    private readonly ConcurrentDictionary<string, long> _unexpected = new();
    private readonly ConcurrentDictionary<string, long> _wrong = new();

    public IEnumerable<KeyValuePair<string, (long Exchanges, long Bytes)>> Done => _done.OrderBy(static entry => entry.Key, StringComparer.Ordinal);

    /// <summary>Errors of exchanges that were under way while an upstream was killed.</summary>
    public IEnumerable<KeyValuePair<string, long>> Expected => _expected.OrderBy(static entry => entry.Key, StringComparer.Ordinal);

    public IEnumerable<KeyValuePair<string, long>> Unexpected => _unexpected.OrderBy(static entry => entry.Key, StringComparer.Ordinal);

    public IEnumerable<KeyValuePair<string, long>> Wrong => _wrong.OrderBy(static entry => entry.Key, StringComparer.Ordinal);

    public long Exchanges => _done.Values.Sum(static done => done.Exchanges);

    public long Bytes => _done.Values.Sum(static done => done.Bytes);

    public void Add(string name, long bytes) =>
        _done.AddOrUpdate(name, (1, bytes), (_, before) => (before.Exchanges + 1, before.Bytes + bytes));

    public void AddError(string name, bool isExpected) => (isExpected ? _expected : _unexpected).AddOrUpdate(name, 1, static (_, before) => before + 1);

    public void AddWrong(string name) => _wrong.AddOrUpdate(name, 1, static (_, before) => before + 1);
}
