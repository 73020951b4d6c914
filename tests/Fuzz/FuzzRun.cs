using System.Diagnostics;
using System.Globalization;

namespace Fuzz;

/// <summary>Runs one target: its corpus first, then cases on several threads, until all are done or one has failed.</summary>
internal sealed class FuzzRun(FuzzTarget target, FuzzOptions options)
{
    /// <summary>Each input of the corpus is also changed so many times.</summary>
    private const int ChangesOfCorpus = 2000;

    private readonly Lock _lock = new();
    private long _next = options.First;
    private bool _hasFailed;

    /// <returns>Whether everything held.</returns>
    public bool Run()
    {
        var watch = Stopwatch.StartNew();
        var corpus = ReplayCorpus();
        var cases = Math.Max(options.Cases / target.Cost, 1);
        var threads = Enumerable.Range(0, (int)Math.Min(options.Threads, cases)).Select(_ => new Thread(() => RunCases(options.First + cases)))
            .ToArray();
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{target.Name}: {Math.Min(_next - options.First, cases)} cases, {corpus} from the corpus, {watch.Elapsed.TotalSeconds:0.0} s, {(_hasFailed ? "FAILED" : "all right")}"));
        return !_hasFailed;
    }

    private int ReplayCorpus()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "Corpus", target.Name);
        var files = Directory.Exists(folder) ? Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes).ToArray() : [];
        var tried = 0;
        var changes = Math.Max(ChangesOfCorpus / target.Cost, 10);
        foreach (var file in files)
        {
            for (var i = 0; i <= changes && !_hasFailed; i++)
            {
                var random = new FuzzRandom(options.Seed ^ 0x5eed, i);
                var input = i == 0 ? file : Mutation.Apply(file, random, random.Pick(files));
                Try(new FuzzCase(input, null), random, $"input {i} of the corpus");
                tried++;
            }
        }

        return tried;
    }

    private void RunCases(long end)
    {
        while (!Volatile.Read(ref _hasFailed) && Interlocked.Increment(ref _next) - 1 is var number && number < end)
        {
            var random = new FuzzRandom(options.Seed, number);
            Try(target.Generate(random), random, string.Create(
                CultureInfo.InvariantCulture, $"tests/fuzz.sh --target {target.Name} --seed {options.Seed} --first {number} --cases {target.Cost}"));
        }
    }

    private void Try(FuzzCase input, FuzzRandom random, string description)
    {
        string? complaint;
        var began = ProcessorTime.OfThisThread;
        try
        {
            complaint = target.Check(input, random);
        }
        catch (Exception exception)
        {
            complaint = exception.ToString();
        }

        var took = ProcessorTime.OfThisThread - began;
        complaint ??= took > target.Limit ? $"took {took.TotalMilliseconds:0} ms of processor time" : null;
        if (complaint is not null)
        {
            Fail(input.Input, complaint, description);
        }
    }

    private void Fail(byte[] input, string complaint, string description)
    {
        lock (_lock)
        {
            _hasFailed = true;
            var file = Path.Combine(Path.GetTempPath(), $"{target.Name}-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(input))[..12]}.bin");
            File.WriteAllBytes(file, input);
            Console.WriteLine($"FAILED {target.Name}: {complaint}\n  again: {description}\n  input: {file}");
        }
    }
}
