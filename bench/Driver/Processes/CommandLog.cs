using System.Buffers;

namespace Bench.Driver.Processes;

/// <summary>The exact commands of a run, each once, for the report. Temporary folders and the repository's place are named, not spelled out.</summary>
internal sealed class CommandLog(string root, string temporary)
{
    private static readonly SearchValues<char> s_special = SearchValues.Create(" \"';|&$");
    private readonly Lock _gate = new();
    private readonly List<string> _commands = [];

    public void Add(IEnumerable<KeyValuePair<string, string>> environment, string program, IEnumerable<string> arguments)
    {
        var words = environment.Select(pair => $"{pair.Key}={pair.Value}").Append(program).Concat(arguments);
        var command = string.Join(' ', words.Select(Quote)).Replace(temporary, "$TMP", StringComparison.Ordinal).Replace(root + "/", "", StringComparison.Ordinal);
        lock (_gate)
        {
            if (!_commands.Contains(command))
            {
                _commands.Add(command);
            }
        }
    }

    /// <summary>The commands since the last call.</summary>
    public IReadOnlyList<string> Take()
    {
        lock (_gate)
        {
            var taken = _commands.ToArray();
            _commands.Clear();
            return taken;
        }
    }

    private static string Quote(string word) => word.Length == 0 || word.AsSpan().ContainsAny(s_special) ? $"'{word}'" : word;
}
