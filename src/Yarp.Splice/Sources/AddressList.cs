using Yarp.Splice.Configuration;

namespace Yarp.Splice.Sources;

/// <summary>Reads lists of addresses and networks, and finds all their mistakes.</summary>
internal static class AddressList
{
    /// <summary>What a list of clients may hold, in words.</summary>
    public const string AcceptedSources = "a list, each entry of which is " + AddressRange.AcceptedForms;

    /// <summary>What a list of trusted proxies may hold, in words.</summary>
    public const string AcceptedProxies =
        "a list of whom to believe, each entry of which is " + AddressRange.AcceptedForms + "; 0.0.0.0/0 and ::/0 are everybody";

    /// <summary>Clients; <see langword="null"/> if the list is empty.</summary>
    /// <param name="text">The entries, separated by commas.</param>
    /// <param name="subject">What the list is of, as messages begin.</param>
    /// <param name="mistakes">Receives what is wrong with it.</param>
    public static AddressSet? ReadSources(string text, string subject, List<string> mistakes) => Read(text, subject, AcceptedSources, mistakes);

    /// <summary>Trusted proxies. An empty list would close a port to everybody, and is a mistake.</summary>
    /// <param name="text">The entries, separated by commas.</param>
    /// <param name="subject">What the list is of, as messages begin.</param>
    /// <param name="mistakes">Receives what is wrong with it.</param>
    public static AddressSet? ReadProxies(string text, string subject, List<string> mistakes)
    {
        var proxies = Read(text, subject, AcceptedProxies, mistakes);
        if (proxies is null)
        {
            mistakes.Add($"{subject} is empty; accepted is {AcceptedProxies}.");
        }

        return proxies;
    }

    private static AddressSet? Read(string text, string subject, string acceptedForms, List<string> mistakes)
    {
        var entries = ListSetting.Split(text);
        if (entries.Length == 0)
        {
            return null;
        }

        var ranges = new List<AddressRange>();
        foreach (var entry in entries)
        {
            if (AddressRange.TryParse(entry, out var range, out var accepted))
            {
                ranges.Add(range);
            }
            else
            {
                mistakes.Add($"{subject} has '{entry}'; accepted is {accepted ?? acceptedForms}.");
            }
        }

        return new AddressSet(ranges);
    }
}
