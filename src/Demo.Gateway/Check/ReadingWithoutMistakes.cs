using Demo.Gateway.Errors;

namespace Demo.Gateway.Check;

/// <summary>
/// Finds all mistakes of code that stops at the first: it is run again without the key that stopped it, until it gets through or the key cannot be told.
/// </summary>
internal static class ReadingWithoutMistakes
{
    /// <param name="configuration">What is read.</param>
    /// <param name="scope">The section that the code reads.</param>
    /// <param name="read">The code.</param>
    /// <param name="report">Receives each mistake, and its key where that is known.</param>
    /// <returns>What the code returned in the end; <see langword="null"/> if it never got through.</returns>
    public static T? Run<T>(FlatConfiguration configuration, string scope, Func<IConfigurationRoot, T> read, Action<string, string?> report)
        where T : class
    {
        for (var isFirst = true; ; isFirst = false)
        {
            IReadOnlyList<string> lines;
            try
            {
                return read(configuration.Build());
            }
            catch (Exception exception)
            {
                lines = StartupFailure.Describe([exception]);
            }

            var culprits = new List<string>();
            foreach (var line in lines)
            {
                var key = FindCulprit(configuration, scope, line, read);
                if (key is not null)
                {
                    culprits.Add(key);
                }

                // Later, what is at no key comes of a key that was left out.
                if (key is not null || isFirst)
                {
                    report(line, key);
                }
            }

            if (culprits.Count == 0)
            {
                return null;
            }

            configuration = configuration.Without(culprits);
        }
    }

    private static string? FindCulprit<T>(FlatConfiguration configuration, string scope, string line, Func<IConfigurationRoot, T> read)
    {
        var locator = new KeyLocator(configuration);
        if (locator.Find(line) is { } named)
        {
            return named;
        }

        // The same value may stand at several keys; without the right one the message changes.
        return locator.QuotedIn(line, scope).FirstOrDefault(key =>
        {
            try
            {
                _ = read(configuration.Without([key]).Build());
                return true;
            }
            catch (Exception exception)
            {
                return !StartupFailure.Describe([exception]).Contains(line);
            }
        });
    }
}
